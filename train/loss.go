package train

import "math"

// loss compares the outputs of a batch with its targets.
type loss interface {
	// value returns the sum over the rows and, where grad is not nil, writes
	// its derivative by each output. Both are sums in the order of the rows.
	value(out, target, grad []float32) float64
	// widths are the outputs and the targets of one row.
	widths() (outputs, targets int)
}

// choice is the cross-entropy of a softmax over groups of candidates with the
// probability of each being the best. A target below 0 is no candidate; a
// group without candidates costs nothing.
type choice struct{ outputs, group int }

func (l choice) widths() (int, int) { return l.outputs, l.outputs }

func (l choice) value(out, target, grad []float32) float64 {
	total := 0.0
	for start := 0; start < len(out); start += l.group {
		end := start + l.group
		var g []float32
		if grad != nil {
			g = grad[start:end]
		}
		total += crossEntropy(out[start:end], target[start:end], g)
	}
	return total
}

func crossEntropy(out, target, grad []float32) float64 {
	top := math.Inf(-1)
	for i, t := range target {
		if t >= 0 {
			top = math.Max(top, float64(out[i])) // a NaN stays
		}
	}
	if math.IsInf(top, -1) {
		return 0
	}
	sum, mass := 0.0, 0.0
	for i, t := range target {
		if t >= 0 {
			sum += math.Exp(float64(out[i]) - top)
			mass += float64(t)
		}
	}
	logSum, total := top+math.Log(sum), 0.0
	for i, t := range target {
		if t < 0 {
			continue
		}
		total += float64(t) * (logSum - float64(out[i]))
		if grad != nil {
			grad[i] = float32(mass*math.Exp(float64(out[i])-logSum) - float64(t))
		}
	}
	return total
}

// survival is the negative log-likelihood of a discrete-time hazard: a row
// was at risk in its first bins and failed in the last of them, or did not
// (censored). Targets: bins at risk, whether it failed, weight.
type survival struct{ bins int }

func (l survival) widths() (int, int) { return l.bins, 3 }

func (l survival) value(out, target, grad []float32) float64 {
	total := 0.0
	for row := 0; row*l.bins < len(out); row++ {
		risk, failed, weight := int(target[3*row]), target[3*row+1] > 0, float64(target[3*row+2])
		for b := range risk {
			i := row*l.bins + b
			y := 0.0
			if failed && b == risk-1 {
				y = 1
			}
			x := float64(out[i])
			total += weight * (softplus(x) - y*x)
			if grad != nil {
				grad[i] = float32(weight * (sigmoid(x) - y))
			}
		}
	}
	return total
}

// softplus is log(1 + eˣ), without overflow.
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

// softplusInverse is the x whose softplus is y > 0.
func softplusInverse(y float64) float64 {
	if y > 30 {
		return y
	}
	return math.Log(math.Expm1(y))
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
