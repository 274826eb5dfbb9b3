package ope

import "math"

// candidate is one λ of an estimator that tames the weights of its correction.
type candidate struct {
	lambda      float64
	squares     float64   // Σ(v̂ + ŵ(r − q̂))²
	bias        float64   // Σ(w − ŵ)(r − q̂)
	corrections []float64 // Σŵ(r − q̂), by block
}

// gridFrom and gridTo are the least and the largest exponent of the grid.
const gridFrom, gridTo = -1, 10

// candidates are 0 (the direct method), the powers of a base, and infinity
// (doubly robust); or what is given. The grid does not depend on the rows, so
// that they can be streamed.
func candidates(given, base float64, blocks int) []candidate {
	lambdas := []float64{given}
	if math.IsNaN(given) {
		lambdas = []float64{0}
		for k := gridFrom; k <= gridTo; k++ {
			lambdas = append(lambdas, math.Pow(base, float64(k)))
		}
		lambdas = append(lambdas, math.Inf(1))
	}
	all := make([]candidate, len(lambdas))
	for i, lambda := range lambdas {
		all[i] = candidate{lambda: lambda, corrections: make([]float64, blocks)}
	}
	return all
}

// switched is the weight of SwitchDR.
func switched(w, lambda float64) float64 {
	if w <= lambda {
		return w
	}
	return 0
}

// shrunk is the weight of DRos.
func shrunk(w, lambda float64) float64 {
	switch {
	case lambda == 0:
		return 0
	case math.IsInf(lambda, 1):
		return w
	}
	return lambda * w / (w*w + lambda)
}

func (c *candidate) add(at int, w, tamed, gap, expected float64) {
	c.corrections[at] += tamed * gap
	c.bias += (w - tamed) * gap
	term := expected + tamed*gap
	c.squares += term * term
}

func (c *candidate) merge(o *candidate) {
	c.squares += o.squares
	c.bias += o.bias
	for i := range c.corrections {
		c.corrections[i] += o.corrections[i]
	}
}

// best is the candidate with the least estimated mean squared error, as in Su
// et al. (2020): the sample variance of the mean, and the square of the
// directly estimated bias, mean((w − ŵ)(r − q̂)). Their bound first widens the
// bias by Bernstein's inequality. With costs, whose residuals have a long tail,
// that margin outweighs all the rest, and nothing but infinity was chosen on a
// real log; it is left out. Of equals the largest λ counts, the least biased.
func (s *Sums) best(all []candidate) *candidate {
	sum := s.over(s.Filled())
	n := sum.known
	best, least := &all[len(all)-1], math.Inf(1)
	for i := len(all) - 1; i >= 0; i-- {
		c := &all[i]
		total := sum.expected
		for _, x := range c.corrections {
			total += x
		}
		variance := max(0, c.squares/n-total/n*total/n) / n
		bias := c.bias / n
		if loss := variance + bias*bias; loss < least {
			best, least = c, loss
		}
	}
	return best
}

// Lambda is the λ in use of SwitchDR and DRos, and NaN of the others.
func (s *Sums) Lambda(e Estimator) float64 {
	switch e {
	case SwitchDR:
		return s.best(s.switches).lambda
	case DRos:
		return s.best(s.shrinks).lambda
	}
	return nan
}
