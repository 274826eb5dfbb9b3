package train

import (
	"fmt"
	"sync"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fairway-mesh/fairway/model"
)

// building is held while a graph is built: Gorgonia counts nodes in a global.
var building sync.Mutex

// machine is a network and its loss as a Gorgonia graph for batches of a
// fixed number of rows, and the tape that runs it forward and backward. There
// is no machine for evaluation: trained layers are run as serving runs them.
type machine struct {
	loss      *gorgonia.Node
	out       *gorgonia.Node
	x, target []float32   // filled by the caller before a run
	masks     [][]float32 // one per hidden layer, rows × units, likewise
	mean      *gorgonia.F32
	params    []param // of each layer: weights, biases
	shapes    []model.Layer
	tape      gorgonia.VM
}

// param is one tensor that is learned. Weights are In × Out, the transpose of
// a model.Layer's.
type param struct {
	value []float32
	grad  *gorgonia.Node
}

// newMachine builds a machine for batches of so many groups of rows; its loss
// is the mean over the groups.
func newMachine(layers []model.Layer, l loss, groups, group int) (*machine, error) {
	building.Lock()
	defer building.Unlock()
	install()
	g, rows := gorgonia.NewGraph(), groups*group
	m := &machine{shapes: layers}
	outputs, targets := l.widths()
	h, err := m.layers(g, rows)
	if err != nil {
		return nil, fmt.Errorf("train: building the graph: %w", err)
	}
	if last := layers[len(layers)-1]; last.Out != outputs {
		return nil, fmt.Errorf("train: the last layer has %d outputs; its loss takes %d", last.Out, outputs)
	}
	m.out = h
	target := input(g, "target", &m.target, rows, targets)
	if err := m.addLoss(newLossGrad(l, rows, group, outputs), target); err != nil {
		return nil, fmt.Errorf("train: building the loss: %w", err)
	}
	if err := m.differentiate(g); err != nil {
		return nil, fmt.Errorf("train: differentiating: %w", err)
	}
	if m.tape, err = newTape(g, rows, group); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return m, nil
}

// layers adds the network to the graph and returns its outputs.
func (m *machine) layers(g *gorgonia.ExprGraph, rows int) (h *gorgonia.Node, err error) {
	h = input(g, "x", &m.x, rows, m.shapes[0].In)
	for i, layer := range m.shapes {
		var w, b, mask []float32
		weights := input(g, fmt.Sprintf("w%d", i), &w, layer.In, layer.Out)
		biases := input(g, fmt.Sprintf("b%d", i), &b, layer.Out)
		transpose(w, layer.W, layer.Out, layer.In)
		copy(b, layer.B)
		m.params = append(m.params, param{value: w, grad: weights}, param{value: b, grad: biases})
		nodes := []*gorgonia.Node{h, weights, biases}
		if layer.ReLU {
			nodes = append(nodes, input(g, fmt.Sprintf("mask%d", i), &mask, rows, layer.Out))
			m.masks = append(m.masks, mask)
		}
		if h, err = gorgonia.ApplyOp(newDense(fmt.Sprintf("layer%d", i), i == 0, layer.ReLU, rows, layer.In, layer.Out), nodes...); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// addLoss adds the mean loss to the graph.
func (m *machine) addLoss(grad *lossGrad, target *gorgonia.Node) error {
	node, err := gorgonia.ApplyOp(grad, m.out, target)
	if err != nil {
		return err
	}
	loss := newMeanLoss(grad)
	m.mean = loss.mean
	m.loss, err = gorgonia.ApplyOp(loss, m.out, target, node)
	return err
}

// differentiate replaces each param's node, so far in its grad, by that of
// its gradient.
func (m *machine) differentiate(g *gorgonia.ExprGraph) error {
	nodes := make([]*gorgonia.Node, len(m.params))
	for i := range m.params {
		nodes[i] = m.params[i].grad
	}
	grads, err := gorgonia.Grad(m.loss, nodes...)
	if err != nil {
		return err
	}
	for i := range m.params {
		m.params[i].grad = grads[i]
	}
	return nil
}

// input adds a tensor that the caller fills; its backing goes to *values.
func input(g *gorgonia.ExprGraph, name string, values *[]float32, shape ...int) *gorgonia.Node {
	*values = make([]float32, tensor.Shape(shape).TotalSize())
	value := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(*values))
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(value))
}

// run goes forward and backward once and returns the loss.
func (m *machine) run() (float64, error) {
	m.tape.Reset()
	if err := m.tape.RunAll(); err != nil {
		return 0, fmt.Errorf("train: running the graph: %w", err)
	}
	return float64(*m.mean), nil
}

// snapshot copies the layers out.
func (m *machine) snapshot() []model.Layer {
	layers := make([]model.Layer, len(m.shapes))
	for i, s := range m.shapes {
		layers[i] = model.Layer{In: s.In, Out: s.Out, ReLU: s.ReLU, W: make([]float32, s.In*s.Out), B: make([]float32, s.Out)}
		transpose(layers[i].W, m.params[2*i].value, s.In, s.Out)
		copy(layers[i].B, m.params[2*i+1].value)
	}
	return layers
}

// transpose writes src, rows × columns, to dst, columns × rows.
func transpose(dst, src []float32, rows, columns int) {
	for r := range rows {
		for c := range columns {
			dst[c*rows+r] = src[r*columns+c]
		}
	}
}
