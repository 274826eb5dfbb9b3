package train

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// The operations below replace Gorgonia's own Dropout, SoftMax and broadcast
// additions, whose faults PERFORMANCE.md lists. Each belongs to one node of one
// graph and keeps the buffer of its result.

// op is what all of them share: a name that is unique in the graph, so that
// Gorgonia's expression hash never takes one for another, and which inputs a
// gradient flows to.
type op struct {
	name   string
	inputs int
	wrt    []bool
	shape  tensor.Shape
	out    []float32
	value  gorgonia.Value
}

func newOp(name string, wrt []bool, shape ...int) op {
	o := op{name: name, inputs: len(wrt), wrt: wrt, shape: shape}
	if len(shape) == 0 {
		return o
	}
	o.out = make([]float32, tensor.Shape(shape).TotalSize())
	o.value = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(o.out))
	return o
}

func (o *op) Arity() int                                            { return o.inputs }
func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }
func (o *op) ReturnsPtr() bool                                      { return false }
func (o *op) CallsExtern() bool                                     { return false }
func (o *op) OverwritesInput() int                                  { return -1 }
func (o *op) WriteHash(h hash.Hash)                                 { fmt.Fprint(h, o.name) }
func (o *op) String() string                                        { return o.name }
func (o *op) DiffWRT(int) []bool                                    { return o.wrt }
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// Type says that the inputs may be any tensors; the result has o.shape. The
// variables must not be called b, which is Gorgonia's name for the result.
func (o *op) Type() hm.Type {
	types := make([]hm.Type, 0, o.inputs+1)
	for i := range o.inputs {
		types = append(types, hm.TypeVariable('p'+rune(i)))
	}
	if len(o.shape) == 0 {
		return hm.NewFnType(append(types, tensor.Float32)...)
	}
	return hm.NewFnType(append(types, gorgonia.TensorType{Dims: len(o.shape), Of: tensor.Float32})...)
}

// floats is the backing of a value of rank 1 or 2.
func floats(v gorgonia.Value) []float32 { return v.Data().([]float32) }

// rectify is max(z + b, 0) · mask, z and mask rows × units, b units. A unit
// that was dropped has mask 0, one that was kept 1 / (1 − dropout). NaN stays.
type rectify struct{ op }

func newRectify(name string, rows, units int) *rectify {
	return &rectify{newOp(name, []bool{true, true, false}, rows, units)}
}

// Do implements gorgonia.Op.
func (o *rectify) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	z, b, mask := floats(in[0]), floats(in[1]), floats(in[2])
	for start := 0; start < len(z); start += len(b) {
		for i, bias := range b {
			v := z[start+i] + bias
			if v < 0 {
				v = 0
			}
			o.out[start+i] = v * mask[start+i]
		}
	}
	return o.value, nil
}

// SymDiff implements gorgonia.SDOp.
func (o *rectify) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	rows, units := o.shape[0], o.shape[1]
	gate, err := gorgonia.ApplyOp(&rectifyGrad{newOp(o.name+".grad", make([]bool, 3), rows, units)}, out, in[2], grad)
	if err != nil {
		return nil, err
	}
	bias, err := gorgonia.ApplyOp(&columnSum{newOp(o.name+".bias", make([]bool, 1), units)}, gate)
	return gorgonia.Nodes{gate, bias, nil}, err
}

// rectifyGrad lets a gradient through where the result was positive.
type rectifyGrad struct{ op }

// Do implements gorgonia.Op.
func (o *rectifyGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	out, mask, grad := floats(in[0]), floats(in[1]), floats(in[2])
	for i, y := range out {
		g := float32(0)
		if y > 0 || y != y {
			g = grad[i] * mask[i]
		}
		o.out[i] = g
	}
	return o.value, nil
}

// columnSum adds up the rows, always in their order.
type columnSum struct{ op }

// Do implements gorgonia.Op.
func (o *columnSum) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	clear(o.out)
	rows := floats(in[0])
	for start := 0; start < len(rows); start += len(o.out) {
		for i := range o.out {
			o.out[i] += rows[start+i]
		}
	}
	return o.value, nil
}

// shift is z + b, the last layer's.
type shift struct{ op }

func newShift(name string, rows, units int) *shift {
	return &shift{newOp(name, []bool{true, true}, rows, units)}
}

// Do implements gorgonia.Op.
func (o *shift) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	z, b := floats(in[0]), floats(in[1])
	for start := 0; start < len(z); start += len(b) {
		for i, bias := range b {
			o.out[start+i] = z[start+i] + bias
		}
	}
	return o.value, nil
}

// SymDiff implements gorgonia.SDOp.
func (o *shift) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	bias, err := gorgonia.ApplyOp(&columnSum{newOp(o.name+".bias", make([]bool, 1), o.shape[1])}, grad)
	return gorgonia.Nodes{grad, bias}, err
}

// lossOp is the mean loss of the groups of a batch.
type lossOp struct {
	op
	loss   loss
	groups int
}

func newLoss(l loss, groups int) *lossOp {
	return &lossOp{op: newOp("loss", []bool{true, false}), loss: l, groups: groups}
}

// Do implements gorgonia.Op.
func (o *lossOp) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return gorgonia.NewF32(float32(o.loss.value(floats(in[0]), floats(in[1]), nil) / float64(o.groups))), nil
}

// SymDiff implements gorgonia.SDOp. The gradient that comes in is the 1 that
// the loss is differentiated by.
func (o *lossOp) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	g := &lossGrad{op: newOp("loss.grad", make([]bool, 2), in[0].Shape()...), loss: o.loss, groups: o.groups}
	gradient, err := gorgonia.ApplyOp(g, in[0], in[1])
	return gorgonia.Nodes{gradient, nil}, err
}

type lossGrad struct {
	op
	loss   loss
	groups int
}

// Do implements gorgonia.Op.
func (o *lossGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	clear(o.out)
	o.loss.value(floats(in[0]), floats(in[1]), o.out)
	for i := range o.out {
		o.out[i] /= float32(o.groups)
	}
	return o.value, nil
}
