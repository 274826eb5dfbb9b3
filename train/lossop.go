package train

import "gorgonia.org/gorgonia"

// lossOp is the mean loss of the groups of a batch. Its derivative by the
// outputs is made on the way: the two share their exponentials.
type lossOp struct {
	op
	loss   loss
	groups int
	mean   *gorgonia.F32
	grad   *lossGrad
}

func newLoss(l loss, groups, rows, outputs int) *lossOp {
	o := &lossOp{op: newOp("loss", []bool{true, false}), loss: l, groups: groups, mean: gorgonia.NewF32(0)}
	o.grad = &lossGrad{newOp("loss.grad", make([]bool, 1), rows, outputs)}
	return o
}

// Do implements gorgonia.Op.
func (o *lossOp) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	grad := o.grad.out
	clear(grad)
	*o.mean = gorgonia.F32(o.loss.value(floats(in[0]), floats(in[1]), grad) / float64(o.groups))
	for i := range grad {
		grad[i] /= float32(o.groups)
	}
	return o.mean, nil
}

// SymDiff implements gorgonia.SDOp. The gradient that comes in is the 1 that
// the loss is differentiated by.
func (o *lossOp) SymDiff(_ gorgonia.Nodes, out, _ *gorgonia.Node) (gorgonia.Nodes, error) {
	gradient, err := gorgonia.ApplyOp(o.grad, out)
	return gorgonia.Nodes{gradient, nil}, err
}

// lossGrad hands on what its lossOp left in its buffer. Its input is the loss,
// so that it comes after it.
type lossGrad struct{ op }

// Do implements gorgonia.Op.
func (o *lossGrad) Do(...gorgonia.Value) (gorgonia.Value, error) { return o.value, nil }
