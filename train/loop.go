package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/train/backprop"
)

// Loop is the batch loop of Fit over rows that are made up, for measuring it:
// groups in a random order, masks, the tape, Adam. Its network chooses one of
// several routes, as the origin's does. Not for concurrent use.
type Loop struct {
	task    task
	machine *machine // of a loop by hand only the inputs
	adam    *adam
	hand    *backprop.Network
	cfg     Config
	random  *rand.Rand
}

// NewLoop makes up rows and a network with layers of these widths, whose
// outputs are the routes, from cfg.Seed.
func NewLoop(widths []int, count int, cfg Config) (*Loop, error) {
	l := newLoop(widths, count, cfg)
	m, err := newMachine(l.task.layers, l.task.loss, cfg.Batch, 1)
	if err != nil {
		return nil, err
	}
	l.machine, l.adam = m, newAdam(m.params, cfg.LearningRate)
	return l, nil
}

// NewLoopByHand is NewLoop with backpropagation written out by hand in the
// place of the machine and of its Adam, on a BLAS of the caller's.
func NewLoopByHand(widths []int, count int, cfg Config, b blas.Float32) (*Loop, error) {
	l := newLoop(widths, count, cfg)
	value := func(out, target, grad []float32) float64 { return l.task.loss.value(out, target, grad) }
	n, err := backprop.New(l.task.layers, value, l.task.train.targets, cfg.Batch, 1, b, cfg.LearningRate)
	if err != nil {
		return nil, err
	}
	l.hand, l.machine = n, &machine{x: n.X, target: n.Target, masks: n.Masks, shapes: l.task.layers}
	return l, nil
}

func newLoop(widths []int, count int, cfg Config) *Loop {
	cfg.EpochRows = max(count, cfg.Batch)
	l := &Loop{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0))}
	in, routes := widths[0], widths[len(widths)-1]
	r := rows{in: in, targets: routes, group: 1, pad: make([]float32, routes)}
	for i := range r.pad {
		r.pad[i] = -1
	}
	x, target := make([]float32, in), make([]float32, routes)
	for range count {
		best := 0
		for i := range x {
			x[i] = float32(l.random.NormFloat64())
			if i < routes && x[i] > x[best] {
				best = i
			}
		}
		clear(target)
		target[best] = 1
		r.add(x, target)
	}
	l.task = task{stage: "loop", layers: initial(l.random, widths...), dropped: droppedLayers, loss: choice{routes, routes}, train: r}
	return l
}

// Rows returns the inputs and targets that were made up, row by row.
func (l *Loop) Rows() (x, target []float32) { return l.task.train.x, l.task.train.target }

// Epoch goes once through the rows and returns their mean loss. A loss that is
// not finite is an error.
func (l *Loop) Epoch(ctx context.Context) (float64, error) {
	if l.hand != nil {
		return l.byHand(ctx)
	}
	loss, _, err := l.task.epoch(ctx, l.machine, l.adam, l.cfg, l.random)
	if last := float64(*l.machine.mean); err == nil && (math.IsNaN(last) || math.IsInf(last, 0)) {
		err = fmt.Errorf("train: the loss is %v", last)
	}
	return loss, err
}

func (l *Loop) byHand(ctx context.Context) (loss float64, err error) {
	order, size := l.random.Perm(l.task.train.groups()), l.cfg.Batch
	for batch := 0; batch*size < len(order); batch++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		l.task.train.fill(l.machine, order[batch*size:min(len(order), (batch+1)*size)])
		l.task.drop(l.machine, l.cfg.Dropout, l.random)
		loss += l.hand.Step() * float64(size)
	}
	return loss / float64(len(order)), nil
}

// Layers copies the network out.
func (l *Loop) Layers() []model.Layer {
	if l.hand != nil {
		return l.hand.Layers()
	}
	return l.machine.snapshot()
}
