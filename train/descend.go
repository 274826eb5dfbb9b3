package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/model"
)

// rows is what a network learns from: scaled inputs and their targets. Rows of
// one group stay together and in their order.
type rows struct {
	in, targets int // per row
	group       int
	x, target   []float32
	pad         []float32 // the target of a row that counts for nothing
	origins     []origin  // of each group
	blocks      []int     // the first group of each stretch of time, see drawn
	last        stretchID
}

func (r *rows) groups() int { return len(r.target) / (r.targets * r.group) }

func (r *rows) add(x, target []float32) {
	r.x = append(r.x, x...)
	r.target = append(r.target, target...)
}

// everyEndpoint is the endpoint of a row that is about all of a moment.
const everyEndpoint = -1

// origin is where a group of rows comes from.
type origin struct {
	moment   *Moment
	endpoint int
}

// from notes where the group that was added last comes from.
func (r *rows) from(m *Moment, endpoint int) { r.origins = append(r.origins, origin{m, endpoint}) }

// task is one network to train.
type task struct {
	stage             string
	begin             func(random *rand.Rand, width int) []model.Layer // makes layers to start from
	layers            []model.Layer                                    // to start from
	dropped           int                                              // hidden layers with dropout
	loss              loss
	train, validation rows
}

// Epoch is one point of the loss curves; epoch 0 is the untrained network.
type Epoch struct {
	Epoch      int    `json:"epoch"`
	Loss       Number `json:"loss"` // in training, with dropout; NaN in epoch 0
	Validation Number `json:"validation"`
}

// Course is how a training went.
type Course struct {
	Epochs   []Epoch     `json:"epochs"`
	Best     int         `json:"best"`    // the epoch whose network was kept
	Stop     string      `json:"stopped"` // why there were no more
	Diverged *Divergence `json:"diverged,omitempty"`
}

// descending is one network in training. It can stop after any epoch, and go
// on from its progress as if it had not.
type descending struct {
	task    task
	cfg     Config
	machine *machine
	adam    *adam
	dice    *dice
	progress
}

// newDescending begins at the task's layers, or at the progress made.
func newDescending(t task, cfg Config, d *dice, made *progress) (*descending, error) {
	layers := t.layers
	if made != nil {
		layers = made.Layers
	}
	m, err := newMachine(layers, t.loss, max(1, cfg.Batch/t.train.group), t.train.group)
	if err != nil {
		return nil, err
	}
	g := &descending{task: t, cfg: cfg, machine: m, adam: newAdam(m.params, cfg.LearningRate), dice: d}
	if made != nil {
		return g, g.restore(made)
	}
	start, err := t.evaluate(t.layers)
	if err != nil {
		return nil, errors.Join(err, m.tape.Close())
	}
	g.Best, g.Course = t.layers, Course{Epochs: []Epoch{{Loss: Number(math.NaN()), Validation: Number(start)}}}
	return g, nil
}

// to trains until an epoch is done, or until there is a reason to stop. After
// each epoch it calls after.
func (d *descending) to(ctx context.Context, until int, after func() error) error {
	for d.Epoch < until && d.Course.Stop == "" {
		if err := d.next(ctx); err != nil {
			return err
		}
		if err := after(); err != nil {
			return err
		}
	}
	return nil
}

// next trains for an epoch, and keeps the network if it is the best so far. A
// loss that is not finite ends the training; the best network stays.
func (d *descending) next(ctx context.Context) error {
	epoch := d.Epoch + 1
	loss, diverged, err := d.task.epoch(ctx, d.machine, d.adam, d.cfg, d.dice.Rand)
	if err != nil {
		return err
	}
	layers := d.machine.snapshot()
	if diverged == nil && !finite(layers) {
		diverged = &Divergence{Batch: d.task.batches(d.cfg), What: "a weight is not finite"}
	}
	if diverged != nil {
		diverged.Epoch, diverged.Step = epoch, d.Epoch*d.task.batches(d.cfg)+diverged.Batch
		d.Course.Diverged = diverged
		d.Course.Stop = fmt.Sprintf("%v; epoch %d is kept", diverged, d.Course.Best)
		return nil
	}
	validation, err := d.task.evaluate(layers)
	if err != nil {
		return err
	}
	d.Epoch, d.Layers = epoch, layers
	d.Course.Epochs = append(d.Course.Epochs, Epoch{epoch, Number(loss), Number(validation)})
	if d.cfg.Progress != nil {
		d.cfg.Progress(d.task.stage, epoch, d.cfg.Epochs, loss, validation)
	}
	if validation < d.Course.least() {
		d.Best, d.Course.Best = layers, epoch
	}
	if epoch-d.Course.Best >= d.cfg.Patience {
		d.Course.Stop = fmt.Sprintf("no better validation loss in %d epochs", d.cfg.Patience)
	} else if epoch == d.cfg.Epochs {
		d.Course.Stop = "all epochs done"
	}
	return nil
}

// descend trains t's network and returns the layers of the epoch with the
// least validation loss; epoch 0 takes part. A loss that is not finite ends
// the training and is named in the Course. What was saved of the task under
// the same name of its stage is gone on with.
func descend(ctx context.Context, t task, cfg Config, d *dice, saved *checkpoint) ([]model.Layer, Course, error) {
	return saved.train(ctx, t.stage, t, cfg, d, cfg.Epochs)
}

// batches is how many there are in an epoch.
func (t *task) batches(cfg Config) int {
	size := max(1, cfg.Batch/t.train.group)
	return (t.drawn(cfg) + size - 1) / size
}

// drawn is how many groups an epoch draws.
func (t *task) drawn(cfg Config) int {
	return min(t.train.groups(), max(1, cfg.EpochRows/t.train.group))
}

// epoch goes once through the groups in a random order, or through as many as
// an epoch may draw. It returns the mean loss of a group, or what was not finite.
func (t *task) epoch(ctx context.Context, m *machine, adam *adam, cfg Config, random *rand.Rand) (loss float64, diverged *Divergence, err error) {
	order := random.Perm(t.train.groups())
	order = order[:t.drawn(cfg)]
	size := len(m.x) / (t.train.in * t.train.group)
	for batch := 0; batch*size < len(order); batch++ {
		if err := ctx.Err(); err != nil {
			return 0, nil, fmt.Errorf("train: %s: %w", t.stage, err)
		}
		groups := order[batch*size : min(len(order), (batch+1)*size)]
		t.train.fill(m, groups)
		t.drop(m, cfg.Dropout, random)
		value, err := m.run()
		if err != nil {
			return 0, nil, err
		}
		if math.IsNaN(value) || math.IsInf(value, 0) {
			diverged := t.blame(value, m.snapshot(), groups)
			diverged.Batch = batch + 1
			return 0, diverged, nil
		}
		adam.step()
		loss += value * float64(size)
	}
	return loss / float64(len(order)), nil, nil
}

// fill copies groups into the machine's inputs and pads the rest.
func (r *rows) fill(m *machine, groups []int) {
	width, tall := r.group*r.in, r.group*r.targets
	for i, g := range groups {
		copy(m.x[i*width:(i+1)*width], r.x[g*width:])
		copy(m.target[i*tall:(i+1)*tall], r.target[g*tall:])
	}
	clear(m.x[len(groups)*width:])
	for i := len(groups) * tall; i < len(m.target); i += r.targets {
		copy(m.target[i:i+r.targets], r.pad)
	}
}

// drop draws the masks: 0 with the given probability, else what keeps the
// mean. Layers without dropout have ones.
func (t *task) drop(m *machine, dropout float64, random *rand.Rand) {
	for layer, mask := range m.masks {
		if layer >= t.dropped || dropout == 0 {
			fillOnes(mask)
			continue
		}
		drawMask(mask, dropout, random)
	}
}

func fillOnes(mask []float32) {
	for i := range mask {
		mask[i] = 1
	}
}

// evaluate is the mean validation loss of a group.
func (t *task) evaluate(layers []model.Layer) (float64, error) {
	if len(t.validation.target) == 0 {
		return math.NaN(), fmt.Errorf("train: %s: the validation part holds nothing to learn from; the recording is too short", t.stage)
	}
	out, err := forward(layers, t.validation.x)
	if err != nil {
		return 0, err
	}
	value := t.loss.value(out, t.validation.target, nil) / float64(t.validation.groups())
	if math.IsNaN(value) {
		return math.Inf(1), nil // no network to keep
	}
	return value, nil
}
