package train

import (
	"context"
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
	blocks      []int     // the first group of each stretch of time, see drawn
	last        stretchID
}

func (r *rows) groups() int { return len(r.target) / (r.targets * r.group) }

func (r *rows) add(x, target []float32) {
	r.x = append(r.x, x...)
	r.target = append(r.target, target...)
}

// task is one network to train.
type task struct {
	stage             string
	layers            []model.Layer // to start from
	spared            []int         // per hidden layer: the first units, which dropout leaves alone
	dropped           int           // hidden layers with dropout
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
	Epochs []Epoch `json:"epochs"`
	Best   int     `json:"best"`    // the epoch whose network was kept
	Stop   string  `json:"stopped"` // why there were no more
}

// descend trains t's network and returns the layers of the epoch with the
// least validation loss; epoch 0 takes part. A loss that is not finite ends
// the training and is named in the Course.
func descend(ctx context.Context, t task, cfg Config, random *rand.Rand) ([]model.Layer, Course, error) {
	groups := max(1, cfg.Batch/t.train.group)
	m, err := newMachine(t.layers, t.loss, groups, t.train.group)
	if err != nil {
		return nil, Course{}, err
	}
	defer m.tape.Close()
	start, err := t.evaluate(t.layers)
	if err != nil {
		return nil, Course{}, err
	}
	best := t.layers
	course := Course{Epochs: []Epoch{{Loss: Number(math.NaN()), Validation: Number(start)}}, Stop: "all epochs done"}
	adam := newAdam(m.params, cfg.LearningRate)
	for epoch := 1; epoch <= cfg.Epochs; epoch++ {
		loss, stop, err := t.epoch(ctx, m, adam, cfg, random)
		if err != nil {
			return nil, course, err
		}
		if stop != "" {
			course.Stop = fmt.Sprintf("epoch %d, %s; epoch %d is kept", epoch, stop, course.Best)
			break
		}
		layers := m.snapshot()
		if !finite(layers) {
			course.Stop = fmt.Sprintf("epoch %d: a weight is not finite; epoch %d is kept", epoch, course.Best)
			break
		}
		validation, err := t.evaluate(layers)
		if err != nil {
			return nil, course, err
		}
		course.Epochs = append(course.Epochs, Epoch{epoch, Number(loss), Number(validation)})
		if cfg.Progress != nil {
			cfg.Progress(t.stage, epoch, cfg.Epochs, loss, validation)
		}
		if validation < course.least() {
			best, course.Best = layers, epoch
		}
		if epoch-course.Best >= cfg.Patience {
			course.Stop = fmt.Sprintf("no better validation loss in %d epochs", cfg.Patience)
			break
		}
	}
	return best, course, nil
}

// epoch goes once through the groups in a random order, or through as many as
// an epoch may draw. It returns the mean loss of a group, or what was not finite.
func (t *task) epoch(ctx context.Context, m *machine, adam *adam, cfg Config, random *rand.Rand) (loss float64, stop string, err error) {
	order := random.Perm(t.train.groups())
	order = order[:min(len(order), max(1, cfg.EpochRows/t.train.group))]
	size := len(m.x) / (t.train.in * t.train.group)
	for batch := 0; batch*size < len(order); batch++ {
		if err := ctx.Err(); err != nil {
			return 0, "", fmt.Errorf("train: %s: %w", t.stage, err)
		}
		t.train.fill(m, order[batch*size:min(len(order), (batch+1)*size)])
		t.drop(m, cfg.Dropout, random)
		value, err := m.run()
		if err != nil {
			return 0, "", err
		}
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return 0, fmt.Sprintf("batch %d: the loss is %v", batch+1, value), nil
		}
		adam.step()
		loss += value * float64(size)
	}
	return loss / float64(len(order)), "", nil
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
		units := t.layers[layer].Out
		spared := 0
		if layer < len(t.spared) {
			spared = t.spared[layer]
		}
		dropMask(mask, units, spared, dropout, random)
	}
}

func fillOnes(mask []float32) {
	for i := range mask {
		mask[i] = 1
	}
}

// dropMask spends 16 random bits on each unit, so the probability is exact to
// 1/65536.
func dropMask(mask []float32, units, spared int, dropout float64, random *rand.Rand) {
	threshold := uint64(math.Round(dropout * 65536))
	keep := float32(1 / (1 - float64(threshold)/65536))
	var bits uint64
	for i := range mask {
		if i%4 == 0 {
			bits = random.Uint64()
		}
		mask[i] = keep
		if bits&0xffff < threshold {
			mask[i] = 0
		}
		bits >>= 16
		if i%units < spared {
			mask[i] = 1
		}
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
