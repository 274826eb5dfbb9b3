// Package naive is the program that a reader of Gorgonia's README and examples
// writes: Dropout, SoftMax, Gorgonia's Adam, gonum's BLAS. It is here to
// be measured against (`fairway bench network`) and for nothing else; what is
// wrong with it is in the package train, which does not use it.
package naive

import (
	"fmt"

	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Program learns to choose one of several classes. Gorgonia draws its weights
// and its dropout unseeded.
type Program struct {
	x, y    *gorgonia.Node
	params  gorgonia.Nodes
	loss    gorgonia.Value
	vm      gorgonia.VM
	solver  *gorgonia.AdamSolver
	batch   int
	in, out int
}

// New builds the graph of a network with layers of these widths, for batches of
// so many rows, with dropout after the first hidden layers.
func New(widths []int, dropped int, dropout, rate float64, batch int) (*Program, error) {
	g := gorgonia.NewGraph()
	p := &Program{batch: batch, in: widths[0], out: widths[len(widths)-1]}
	p.x = gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(batch, p.in), gorgonia.WithName("x"))
	p.y = gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(batch, p.out), gorgonia.WithName("y"))
	h := p.x
	for i := 1; i < len(widths); i++ {
		w := gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(widths[i-1], widths[i]), gorgonia.WithName(fmt.Sprintf("w%d", i)), gorgonia.WithInit(gorgonia.GlorotN(1)))
		b := gorgonia.NewVector(g, tensor.Float32, gorgonia.WithShape(widths[i]), gorgonia.WithName(fmt.Sprintf("b%d", i)), gorgonia.WithInit(gorgonia.Zeroes()))
		p.params = append(p.params, w, b)
		product, err := gorgonia.Mul(h, w)
		if err != nil {
			return nil, err
		}
		if h, err = gorgonia.BroadcastAdd(product, b, nil, []byte{0}); err != nil {
			return nil, err
		}
		if i == len(widths)-1 {
			break
		}
		if h, err = gorgonia.Rectify(h); err != nil {
			return nil, err
		}
		if i <= dropped {
			if h, err = gorgonia.Dropout(h, dropout); err != nil {
				return nil, err
			}
		}
	}
	return p, p.learn(g, h, rate)
}

// learn adds the loss and the optimiser.
func (p *Program) learn(g *gorgonia.ExprGraph, logits *gorgonia.Node, rate float64) error {
	chance, err := gorgonia.SoftMax(logits)
	if err != nil {
		return err
	}
	losses, err := gorgonia.HadamardProd(gorgonia.Must(gorgonia.Log(chance)), p.y)
	if err != nil {
		return err
	}
	cost := gorgonia.Must(gorgonia.Neg(gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Sum(losses, 1))))))
	gorgonia.Read(cost, &p.loss)
	if _, err := gorgonia.Grad(cost, p.params...); err != nil {
		return err
	}
	p.vm = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(p.params...))
	p.solver = gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
	return nil
}

// Epoch goes through the rows in their order, those of the last whole batch at
// most, and returns the loss of that batch. For that time gonum's BLAS is the
// one that Gorgonia uses.
func (p *Program) Epoch(x, y []float32) (float64, error) {
	defer gorgonia.Use(gorgonia.WhichBLAS())
	gorgonia.Use(gonum.Implementation{})
	for ; len(x) >= p.batch*p.in; x, y = x[p.batch*p.in:], y[p.batch*p.out:] {
		rows := tensor.New(tensor.WithShape(p.batch, p.in), tensor.WithBacking(x[:p.batch*p.in]))
		targets := tensor.New(tensor.WithShape(p.batch, p.out), tensor.WithBacking(y[:p.batch*p.out]))
		if err := gorgonia.Let(p.x, rows); err != nil {
			return 0, err
		}
		if err := gorgonia.Let(p.y, targets); err != nil {
			return 0, err
		}
		if err := p.vm.RunAll(); err != nil {
			return 0, err
		}
		if err := p.solver.Step(gorgonia.NodesToValueGrads(p.params)); err != nil {
			return 0, err
		}
		p.vm.Reset()
	}
	loss, ok := p.loss.Data().(float32)
	if !ok {
		return 0, fmt.Errorf("naive: the loss is a %T", p.loss.Data())
	}
	return float64(loss), nil
}

// Close gives back what the machine holds.
func (p *Program) Close() error { return p.vm.Close() }
