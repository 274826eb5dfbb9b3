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

// part implements operation.
func (o *dense) part(in []gorgonia.Value, from, to int) {
	units, b := o.shape[1], floats(in[2])
	x, out := floats(in[0])[from*o.inputs:to*o.inputs], o.out[from*units:to*units]
	o.blas.Sgemm(blas.NoTrans, blas.NoTrans, to-from, units, o.inputs, 1, x, o.inputs, floats(in[1]), units, 0, out, units)
	if o.relu {
		rectify(out, b, floats(in[3])[from*units:to*units])
	} else {
		shift(out, b)
	}
}

// Do implements gorgonia.Op.
func (o *dense) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

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
	if grads[1], err = gorgonia.ApplyOp(newWeightGrad(o.name+".w", o.blas, rows, o.inputs, units), in[0], grad); err != nil {
		return nil, err
	}
	grads[2], err = gorgonia.ApplyOp(newColumnSum(o.name+".b", o.blas, units), grad)
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

// part implements operation.
func (o *gate) part(in []gorgonia.Value, from, to int) {
	units := o.shape[1]
	from, to = from*units, to*units
	dst, out, mask, grad := o.out[from:to], floats(in[0])[from:to], floats(in[1])[from:to], floats(in[2])[from:to]
	for i, y := range out {
		bits := math.Float32bits(y) // 0 or not: a result is never below 0
		pass := uint32(int32(bits|-bits) >> 31)
		dst[i] = math.Float32frombits(math.Float32bits(grad[i]*mask[i]) & pass)
	}
}

// Do implements gorgonia.Op.
func (o *gate) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

// inputGrad is g·wᵀ.
type inputGrad struct {
	op
	blas  blas.Float32
	units int
}

// part implements operation.
func (o *inputGrad) part(in []gorgonia.Value, from, to int) {
	inputs := o.shape[1]
	g, out := floats(in[0])[from*o.units:to*o.units], o.out[from*inputs:to*inputs]
	o.blas.Sgemm(blas.NoTrans, blas.Trans, to-from, inputs, o.units, 1, g, o.units, floats(in[1]), o.units, 0, out, inputs)
}

// Do implements gorgonia.Op.
func (o *inputGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

// weightGrad is xᵀ·g.
type weightGrad struct {
	op
	blas blas.Float32
	rows int
}

func newWeightGrad(name string, b blas.Float32, rows, inputs, units int) *weightGrad {
	o := &weightGrad{op: newOp(name, make([]bool, 2), inputs, units), blas: b, rows: rows}
	o.sums = true
	return o
}

// part implements operation.
func (o *weightGrad) part(in []gorgonia.Value, from, to int) {
	inputs, units := o.shape[0], o.shape[1]
	x, out := floats(in[0])[from:], o.out[from*units:to*units]
	o.blas.Sgemm(blas.Trans, blas.NoTrans, to-from, units, o.rows, 1, x, inputs, floats(in[1]), units, 0, out, units)
}

// Do implements gorgonia.Op.
func (o *weightGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

// columnSum adds up the rows, always in their order.
type columnSum struct {
	op
	blas blas.Float32
}

func newColumnSum(name string, b blas.Float32, units int) *columnSum {
	o := &columnSum{op: newOp(name, make([]bool, 1), units), blas: b}
	o.sums = true
	return o
}

// part implements operation.
func (o *columnSum) part(in []gorgonia.Value, from, to int) {
	out, units := o.out[from:to], len(o.out)
	clear(out)
	for rows := floats(in[0]); len(rows) > 0; rows = rows[units:] {
		o.blas.Saxpy(len(out), 1, rows[from:to], 1, out, 1)
	}
}

// Do implements gorgonia.Op.
func (o *columnSum) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }
