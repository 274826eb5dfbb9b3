package router

import (
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// hysteresis is by how much of a threshold a metric must go back beyond it before what
// was chosen above (or below) it is left: a metric that swings about a threshold by
// less does not switch at each window.
const hysteresis = 0.1

// chosen is the origin's choice of an algorithm: round robin above 1000 requests/s
// with a mean below 100 ms, least requests below 100 requests/s where the endpoints'
// connections vary by more than 0.5, else by weight. was is what is chosen now.
func chosen(was rules.Algorithm, rate, latency, unevenness float64) rules.Algorithm {
	above := func(x, threshold float64, chosen bool) bool {
		if chosen {
			threshold *= 1 - hysteresis
		}
		return x > threshold
	}
	below := func(x, threshold float64, chosen bool) bool {
		if chosen {
			threshold *= 1 + hysteresis
		}
		return x < threshold
	}
	turns, least := was == rules.RoundRobin, was == rules.LeastRequest
	switch {
	case above(rate, 1000, turns) && below(latency, 0.1, turns):
		return rules.RoundRobin
	case below(rate, 100, least) && above(unevenness, 0.5, least):
		return rules.LeastRequest
	}
	return rules.Weighted
}

// unevenness is the variance of the requests in flight between endpoints over the
// square of their mean, which does not depend on how many there are; 0 where none is
// in flight.
func unevenness(f *features.Frame) float64 {
	sum, n := 0.0, 0.0
	for i := range f.Endpoints {
		if x := f.At(i, mesh.InFlight); x >= 0 {
			sum, n = sum+x, n+1
		}
	}
	if !(sum > 0) {
		return 0
	}
	return variance(f, mesh.InFlight) / (sum / n * sum / n)
}

// adapt puts an algorithm in the place of adaptive, for this edition: whoever watches
// is told which. Without a window what was chosen stays.
func (r *Routes) adapt(last *Routes) {
	for i := range r.choices {
		c := &r.choices[i]
		if c.terms.Balance.Algorithm != rules.Adaptive {
			continue
		}
		if former := r.former(i, last); former != nil {
			c.adapted = former.adapted
		}
		if f := r.lender(i).frame; f != nil && f.Schema != nil {
			c.adapted = chosen(c.adapted, serviceRate(f), serviceLatency(f), unevenness(f))
		}
		b := *c.terms.Balance
		b.Algorithm = c.adapted
		c.terms.Balance = &b
	}
}
