package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// formula is a policy without memory: weights in proportion to a score of each
// endpoint. An endpoint whose score is NaN gets the mean of the others (gRFC
// A58). It declines only with NoEndpoints.
type formula struct {
	name  string
	score func(f *features.Frame, i int) float64
}

// PerformanceAware is the origin's formula:
// 0.4·success ratio + 0.3/(1 + mean latency in ms/1000) + 0.3/(1 + in flight/100).
// Without an error ratio or requests in flight none are assumed.
func PerformanceAware() Policy { return formula{"performance_aware", performance} }

func performance(f *features.Frame, i int) float64 {
	success := 1 - known(f.At(i, mesh.ErrorRatio))
	return 0.4*success + 0.3/(1+f.At(i, mesh.LatencyMean)) + 0.3/(1+known(f.At(i, mesh.InFlight))/100)
}

// LeastLatency weighs by the inverse of the mean latency. It is a baseline: an
// endpoint that fails fast looks good to it.
func LeastLatency() Policy {
	return formula{"least_latency", func(f *features.Frame, i int) float64 {
		const floor = 1e-3 // a latency of 0 must not take all the traffic
		return 1 / max(f.At(i, mesh.LatencyMean), floor)
	}}
}

// RoundRobin weighs all endpoints equally.
func RoundRobin() Policy {
	return formula{"round_robin", func(*features.Frame, int) float64 { return 1 }}
}

// Adaptive is the origin's choice of an algorithm by the metrics of the service (see
// chosen): equal weights for round robin, 1/(1 + in flight) for least connections, and
// else PerformanceAware. It takes the plain variance of the requests in flight, as
// the origin has it.
func Adaptive() Policy { return &adaptive{services: map[string]rules.Algorithm{}} }

// adaptive remembers what it chose for each service.
type adaptive struct{ services map[string]rules.Algorithm }

func (*adaptive) Name() string { return "adaptive" }

func (p *adaptive) Decide(dst *Decision, f *features.Frame) error {
	now := chosen(p.services[f.Service], serviceRate(f), serviceLatency(f), variance(f, mesh.InFlight))
	p.services[f.Service] = now
	by := formula{"performance_aware", performance}
	switch now {
	case rules.RoundRobin:
		by = RoundRobin().(formula)
	case rules.LeastRequest:
		by = formula{"least_connections", func(f *features.Frame, i int) float64 {
			return 1 / (1 + f.At(i, mesh.InFlight))
		}}
	}
	err := by.Decide(dst, f)
	dst.Policy = "adaptive"
	dst.Notes = append(dst.Notes, "algorithm: "+by.name)
	return err
}

func (p formula) Name() string { return p.name }

func (p formula) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.name); err != nil {
		return err
	}
	for i := range dst.Weights {
		dst.Weights[i] = p.score(f, i)
	}
	fillMean(dst.Weights)
	dst.Weights.Normalize()
	return nil
}

// Static takes the endpoints' weights from the rules, else equal ones; an
// endpoint that the rules do not name gets the mean of those they do. It
// declines only with NoEndpoints, so it can stand last in a Fallback.
func Static(set *rules.Set) Policy { return static{set} }

type static struct{ set *rules.Set }

func (static) Name() string { return "static" }

func (p static) Decide(dst *Decision, f *features.Frame) error {
	dst.reset(f)
	m := p.set.Service(f.Service)
	dst.Policy, dst.Source = p.Name(), SourceDefault
	if len(f.Endpoints) == 0 {
		return NoEndpoints
	}
	// Without a rules file too: its one implied route is a rule.
	dst.Source = SourceRules
	for i, e := range f.Endpoints {
		dst.Weights[i] = math.NaN()
		if ruled := find(m.Service.Endpoints, e.Name); ruled != nil {
			dst.Weights[i] = ruled.Weight
		}
	}
	fillMean(dst.Weights)
	dst.Weights.Normalize()
	return nil
}

func find(list []rules.Endpoint, name string) *rules.Endpoint {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// fillMean puts the mean of the finite scores where there is none; where no
// score is finite all are 1.
func fillMean(scores []float64) {
	sum, n := 0.0, 0
	for _, x := range scores {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			sum, n = sum+x, n+1
		}
	}
	mean := 1.0
	if n > 0 {
		mean = sum / float64(n)
	}
	for i, x := range scores {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			scores[i] = mean
		}
	}
}

// known is x, or 0 when it is NaN.
func known(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// serviceLatency is the mean latency of the window's requests; NaN if unknown.
func serviceLatency(f *features.Frame) float64 {
	sum, requests := 0.0, 0.0
	for i := range f.Endpoints {
		x, n := f.At(i, mesh.LatencyMean), f.At(i, mesh.RequestRate)
		if !math.IsNaN(x) && n > 0 {
			sum, requests = sum+x*n, requests+n
		}
	}
	return sum / requests
}

// variance of a series between the endpoints that have it; 0 if none does.
func variance(f *features.Frame, series string) float64 {
	n, mean, square := 0.0, 0.0, 0.0
	for i := range f.Endpoints {
		if x := f.At(i, series); !math.IsNaN(x) {
			n++
			delta := x - mean
			mean += delta / n
			square += delta * (x - mean)
		}
	}
	return square / max(n, 1)
}
