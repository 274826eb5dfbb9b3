package train

import "gorgonia.org/gorgonia"

// lossGrad is the derivative of the mean loss of a batch by each output. What
// the loss of each group is comes out on the way: the two share their
// exponentials.
type lossGrad struct {
	op
	loss   loss
	group  int       // rows
	values []float64 // of each group
}

func newLossGrad(l loss, rows, group, outputs int) *lossGrad {
	return &lossGrad{op: newOp("loss.grad", make([]bool, 2), rows, outputs), loss: l, group: group, values: make([]float64, rows/group)}
}

// part implements operation. from and to are at the borders of groups.
func (o *lossGrad) part(in []gorgonia.Value, from, to int) {
	out, target := floats(in[0]), floats(in[1])
	wide, tall := o.group*o.shape[1], len(target)/len(o.values)
	groups := float32(len(o.values))
	for g := from / o.group; g < to/o.group; g++ {
		grad := o.out[g*wide : (g+1)*wide]
		clear(grad)
		o.values[g] = o.loss.value(out[g*wide:(g+1)*wide], target[g*tall:(g+1)*tall], grad)
		for i := range grad {
			grad[i] /= groups
		}
	}
}

// Do implements gorgonia.Op.
func (o *lossGrad) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

// meanLoss is the mean loss of the groups of a batch: of the values that a
// lossGrad found. Inputs: outputs, targets, the lossGrad.
type meanLoss struct {
	op
	values []float64
	mean   *gorgonia.F32
}

func newMeanLoss(grad *lossGrad) *meanLoss {
	o := &meanLoss{op: newOp("loss", []bool{true, false, false}), values: grad.values, mean: gorgonia.NewF32(0)}
	o.value, o.sums = o.mean, true
	return o
}

// part implements operation.
func (o *meanLoss) part([]gorgonia.Value, int, int) {
	total := 0.0
	for _, v := range o.values {
		total += v
	}
	*o.mean = gorgonia.F32(total / float64(len(o.values)))
}

// Do implements gorgonia.Op.
func (o *meanLoss) Do(in ...gorgonia.Value) (gorgonia.Value, error) { return whole(o, in) }

// SymDiff implements gorgonia.SDOp. The gradient that comes in is the 1 that
// the loss is differentiated by.
func (o *meanLoss) SymDiff(in gorgonia.Nodes, _, _ *gorgonia.Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{in[2], nil, nil}, nil
}
