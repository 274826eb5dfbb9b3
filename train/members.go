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
	d.x, d.target, d.blocks = nil, nil, nil
	for range r.blocks {
		k := random.IntN(len(r.blocks))
		from, to := r.blocks[k], r.groups()
		if k+1 < len(r.blocks) {
			to = r.blocks[k+1]
		}
		in, out := r.group*r.in, r.group*r.targets
		d.add(r.x[from*in:to*in], r.target[from*out:to*out])
	}
	return d
}

// members trains the further networks, each from another beginning and on
// another draw of the training part. The validation part is the same for all.
func (f *fitting) members(ctx context.Context, skip map[string]bool) (members [][]model.Layer, list []Member, err error) {
	if f.cfg.Network != model.Outcome {
		return nil, nil, nil
	}
	for k := 1; k < f.cfg.Members; k++ {
		random := f.random(streamMembers + uint64(k))
		t, _, err := outcomeTask(f.set, f.columns, skip, random)
		if err != nil {
			return nil, nil, err
		}
		t.stage = fmt.Sprintf("routing, member %d of %d", k+1, f.cfg.Members)
		t.train = t.train.drawn(random)
		if t.train.groups() == 0 {
			return members, list, nil
		}
		layers, course, err := descend(ctx, t, f.cfg, random)
		if err != nil {
			return nil, nil, err
		}
		members = append(members, layers)
		list = append(list, Member{Best: course.Best, Epochs: len(course.Epochs) - 1, Validation: Number(course.least())})
	}
	return members, list, nil
}
