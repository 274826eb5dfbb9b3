package train

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gorgonia.org/gorgonia"
)

// dense is a layer: max(x·w + b, 0) · mask for a hidden one, x·w + b for the
// last. x is rows × inputs, w inputs × units, b units, mask rows × units. A
// unit that was dropped has mask 0, one that was kept 1 / (1 − dropout). NaN
// stays. A matrix product, the biases, the ReLU and the mask are one pass over
// memory rather than four.
type dense struct {
	op
	blas   blas.Float32
	inputs int
	relu   bool
	first  bool // no gradient flows to its x
}

func newDense(name string, first, relu bool, rows, inputs, units int) *dense {
	wrt := []bool{!first, true, true}
	if relu {
		wrt = append(wrt, false)
	}
	return &dense{op: newOp(name, wrt, rows, units), blas: gorgonia.WhichBLAS(), inputs: inputs, relu: relu, first: first}
}

// Do implements gorgonia.Op.
func (o *dense) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	rows, units := o.shape[0], o.shape[1]
	o.blas.Sgemm(blas.NoTrans, blas.NoTrans, rows, units, o.inputs, 1, floats(in[0]), o.inputs, floats(in[1]), units, 0, o.out, units)
	if o.relu {
		rectify(o.out, floats(in[2]), floats(in[3]))
	} else {
		shift(o.out, floats(in[2]))
	}
	return o.value, nil
}

// SymDiff implements gorgonia.SDOp.
func (o *dense) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (grads gorgonia.Nodes, err error) {
	rows, units := o.shape[0], o.shape[1]
	grads = make(gorgonia.Nodes, len(in))
	if o.relu {
		if grad, err = gorgonia.ApplyOp(&gate{newOp(o.name+".gate", make([]bool, 3), rows, units)}, out, in[3], grad); err != nil {
			return nil, err
		}
	}
	if !o.first {
		back := &inputGrad{op: newOp(o.name+".x", make([]bool, 2), rows, o.inputs), blas: o.blas, units: units}
		if grads[0], err = gorgonia.ApplyOp(back, grad, in[1]); err != nil {
			return nil, err
		}
	}
	weights := &weightGrad{op: newOp(o.name+".w", make([]bool, 2), o.inputs, units), blas: o.blas, rows: rows}
	if grads[1], err = gorgonia.ApplyOp(weights, in[0], grad); err != nil {
		return nil, err
	}
	grads[2], err = gorgonia.ApplyOp(&columnSum{op: newOp(o.name+".b", make([]bool, 1), units), blas: o.blas}, grad)
	return grads, err
}

// rectify turns each row z into max(z + bias, 0) · mask. It is free of
// branches, which would be mispredicted half of the time.
func rectify(z, bias, mask []float32) {
	for n := len(bias); len(z) >= n; z, mask = z[n:], mask[n:] {
		row, kept := z[:n], mask[:n]
		for i, b := range bias {
			row[i] = max(row[i]+b, 0) * kept[i]
		}
	}
}

// shift adds the biases to each row.
func shift(z, bias []float32) {
	for n := len(bias); len(z) >= n; z = z[n:] {
		row := z[:n]
		for i, b := range bias {
			row[i] += b
		}
	}
}

// gate lets the gradient of a hidden layer through where its result was
// positive or NaN. Inputs: the result, the mask, the gradient.
type gate struct{ op }

// Do implements gorgonia.Op.
func (o *gate) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	n := len(o.out)
	out, mask, grad := floats(in[0])[:n], floats(in[1])[:n], floats(in[2])[:n]
	for i := range o.out {
		bits := math.Float32bits(out[i]) // 0 or not: a result is never below 0
		pass := uint32(int32(bits|-bits) >> 31)
		o.out[i] = math.Float32frombits(math.Float32bits(grad[i]*mask[i]) & pass)
	}
	return o.value, nil
}

// weightGrad is xᵀ·g.
type weightGrad struct {
	op
	blas blas.Float32
	rows int
}

// Do implements gorgonia.Op.
func (o *weightGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	inputs, units := o.shape[0], o.shape[1]
	o.blas.Sgemm(blas.Trans, blas.NoTrans, inputs, units, o.rows, 1, floats(in[0]), inputs, floats(in[1]), units, 0, o.out, units)
	return o.value, nil
}

// inputGrad is g·wᵀ.
type inputGrad struct {
	op
	blas  blas.Float32
	units int
}

// Do implements gorgonia.Op.
func (o *inputGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	rows, inputs := o.shape[0], o.shape[1]
	o.blas.Sgemm(blas.NoTrans, blas.Trans, rows, inputs, o.units, 1, floats(in[0]), o.units, floats(in[1]), o.units, 0, o.out, inputs)
	return o.value, nil
}

// columnSum adds up the rows, always in their order.
type columnSum struct {
	op
	blas blas.Float32
}

// Do implements gorgonia.Op.
func (o *columnSum) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	clear(o.out)
	n := len(o.out)
	for rows := floats(in[0]); len(rows) >= n; rows = rows[n:] {
		o.blas.Saxpy(n, 1, rows, 1, o.out, 1)
	}
	return o.value, nil
}
