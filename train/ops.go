package train

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// The operations of this package replace Gorgonia's own Dropout, SoftMax,
// products and broadcast additions, whose faults PERFORMANCE.md lists. Each
// belongs to one node of one graph and keeps the buffer of its result, so that
// a run allocates nothing.

// operation is one of them.
type operation interface {
	gorgonia.Op
	// part computes some lines of the result, and no other. The lines of most
	// results are the rows of the batch.
	part(in []gorgonia.Value, from, to int)
	base() *op
}

// op is what all of them share: a name that is unique in the graph, so that
// Gorgonia's expression hash never takes one for another, and which inputs a
// gradient flows to.
type op struct {
	name   string
	inputs int
	wrt    []bool
	shape  tensor.Shape
	out    []float32
	value  gorgonia.Value // the result, always in the same place
	sums   bool           // it needs all rows of its inputs, and its lines are no rows
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

func (o *op) base() *op                                             { return o }
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

// lines is how many the result has.
func (o *op) lines() int {
	if len(o.shape) == 0 {
		return 1
	}
	return o.shape[0]
}

// whole computes all of an operation.
func whole(o operation, in []gorgonia.Value) (gorgonia.Value, error) {
	b := o.base()
	o.part(in, 0, b.lines())
	return b.value, nil
}

// floats is the backing of a tensor. It allocates nothing, as Data would.
func floats(v gorgonia.Value) []float32 { return v.(*tensor.Dense).Float32s() }
