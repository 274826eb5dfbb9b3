package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// Member says how one further network of the ensemble was trained.
type Member struct {
	Best       int    `json:"best"` // epoch
	Epochs     int    `json:"epochs"`
	Validation Number `json:"validation"` // its loss
}

// stretch is how long times stay together when history is drawn anew:
// neighbouring decisions are alike.
func stretch(t mesh.Timing) time.Duration { return max(leastBlock, 2*t.Horizon) }

// stretchID names a stretch of time of one history.
type stretchID struct {
	history int
	start   time.Time
}

// begin notes where a stretch of time begins; rows follow in order of time.
func (r *rows) begin(history int, at time.Time, t mesh.Timing) {
	id := stretchID{history, at.Truncate(stretch(t))}
	if len(r.blocks) > 0 && id == r.last {
		return
	}
	r.last = id
	if n := len(r.blocks); n > 0 && r.blocks[n-1] == r.groups() {
		return // nothing came in the last one
	}
	r.blocks = append(r.blocks, r.groups())
}

// drawn is r with as many stretches of time, drawn with replacement: the block
// bootstrap, by which members see different histories.
func (r *rows) drawn(random *rand.Rand) rows {
	d := *r
	d.x, d.target, d.origins, d.blocks = nil, nil, nil, nil
	for range r.blocks {
		k := random.IntN(len(r.blocks))
		from, to := r.blocks[k], r.groups()
		if k+1 < len(r.blocks) {
			to = r.blocks[k+1]
		}
		in, out := r.group*r.in, r.group*r.targets
		d.add(r.x[from*in:to*in], r.target[from*out:to*out])
		d.origins = append(d.origins, r.origins[from:to]...)
	}
	return d
}

// memberHaste is how many times sooner than the first network a member gives up:
// it is there to differ, and its last tenths do not change how.
const memberHaste = 3

// ensemble trains the further networks, each from another beginning and on
// another draw of the training part; the validation part is the same for all. The
// mean of all answers if its loss there is less than that of the first alone: a
// draw leaves out a third of the history, which costs where there is little.
func (f *fitting) ensemble(ctx context.Context, t *task, n *model.Network, r *RoutingReport) error {
	if f.cfg.Network != model.Outcome {
		return nil
	}
	cfg := f.tuned
	cfg.Epochs = max(1, min(cfg.Epochs, r.Course.Best)) // the first was best then
	cfg.Patience = max(1, cfg.Patience/memberHaste)
	for k := 1; k < cfg.Members; k++ {
		random := f.random(streamMembers + 2*uint64(k))
		member := *t
		member.stage = fmt.Sprintf("routing, member %d of %d", k+1, cfg.Members)
		member.layers = t.begin(random, cfg.Width)
		member.train = t.train.drawn(random)
		if member.train.groups() == 0 {
			break
		}
		layers, course, err := descend(ctx, member, cfg, f.dice(streamMembers+2*uint64(k)+1), f.saved)
		if err != nil {
			return err
		}
		f.diverged(member.stage, &course)
		n.Members = append(n.Members, layers)
		r.Members = append(r.Members, Member{Best: course.Best, Epochs: len(course.Epochs) - 1, Validation: Number(course.least())})
	}
	if len(n.Members) == 0 {
		return nil
	}
	together, err := t.together(append([][]model.Layer{n.Layers}, n.Members...))
	if err != nil {
		return err
	}
	r.Together, n.Mean = Number(together), together < r.Course.least()
	return nil
}

// together is the mean validation loss of a group by the mean of networks.
func (t *task) together(networks [][]model.Layer) (float64, error) {
	var mean []float32
	for _, layers := range networks {
		out, err := forward(layers, t.validation.x)
		if err != nil {
			return 0, err
		}
		if mean == nil {
			mean = make([]float32, len(out))
		}
		for i, v := range out {
			mean[i] += v / float32(len(networks))
		}
	}
	return t.loss.value(mean, t.validation.target, nil) / float64(t.validation.groups()), nil
}
