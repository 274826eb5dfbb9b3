package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// EWMAWeights is L3 (Michaelis, Schmid, Mostafaei, "L3: Latency-aware load
// balancing in multi-cluster service mesh", Middleware '24; after the authors'
// code, github.com/oliviermichaelis/l3), which writes the weights of Linkerd's
// TrafficSplits from its metrics. All that it reads is averaged with
// exponential decay in time. The weight of an endpoint is
//
//	100 / ((in flight/rps + 1)² · (latency + failure_latency · (1/success − 1)))
//
// and at least 1, where latency is the mean of the log-normal distribution
// through p50 and p99 (the mean latency where the schema lacks one of them),
// in seconds. While nothing is heard of an endpoint of which others are heard,
// its latencies drift to initial and its success ratio to 1. Rate control then
// draws the weights together when the load rises above its average, and apart
// when it falls.
//
// Rate control's exponent is 1, as the code computes it: it writes 3/2, which
// Go divides as integers. L3 lets a new backend begin with a latency of 5 s;
// here it gets the mean weight until it has answered (gRFC A58).
//
// It declines with WarmUp before the first report and Stale when there is no
// more of them.
func EWMAWeights(v Values, cfg Config) Policy {
	return &ewmaWeights{v: v, cfg: cfg, services: fleets[averages]{}}
}

var ewmaParameters = []picker.Parameter{
	{Name: "failure_latency", Default: 0.6, Min: 0, Max: 60, Unit: picker.Duration, Help: "what a failed request costs"},
	{Name: "decay", Default: 5, Min: 0.1, Max: 300, Unit: picker.Duration, Help: "time constant of latencies and requests in flight"},
	{Name: "slow_decay", Default: 10, Min: 0.1, Max: 300, Unit: picker.Duration, Help: "time constant of success ratio and load"},
	{Name: "initial", Default: 5, Min: 0.001, Max: 60, Unit: picker.Duration, Help: "latency that silent endpoints drift to"},
	{Name: "drift", Default: 0.1, Min: 0, Max: 10, Unit: picker.Duration, Help: "how far they drift per window"},
	{Name: "rate_control", Default: 1, Min: 0, Max: 1, Unit: picker.Count, Help: "1: weights follow changes of the load"},
	{Name: "exponent", Default: 1, Min: 0.5, Max: 3, Help: "of the rate control"},
}

type ewmaWeights struct {
	v        Values
	cfg      Config
	services fleets[averages]
}

// averages of one endpoint; 0 where never heard.
type averages struct {
	P50, P99, Mean, InFlight, Success, Rate float64
	Heard                                   bool // a latency
}

func (p *ewmaWeights) Name() string { return "ewma_weights" }

func (p *ewmaWeights) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	v := p.services.meet(f)
	if v.fresh && latencyKnown(f) {
		v.reported()
		for i, a := range v.order {
			p.advance(a, f, i, v.elapsed)
		}
	}
	if err := v.trust(dst, f, p.cfg); err != nil {
		return err
	}
	for i, a := range v.order {
		dst.Weights[i] = p.weight(a)
	}
	fillMean(dst.Weights)
	if p.v["rate_control"] >= 0.5 {
		p.control(dst.Weights, v.order, f)
	}
	finish(dst, f)
	return nil
}

func latencyKnown(f *features.Frame) bool {
	for i := range f.Endpoints {
		if !math.IsNaN(latencyOf(f, i)) {
			return true
		}
	}
	return false
}

// latencyOf is the mean latency of endpoint i, or the median where no mean is known.
func latencyOf(f *features.Frame, i int) float64 {
	if x := positive(f.At(i, mesh.LatencyMean)); !math.IsNaN(x) {
		return x
	}
	return positive(f.At(i, mesh.LatencyP50))
}

func (p *ewmaWeights) advance(a *averages, f *features.Frame, i int, elapsed float64) {
	quick, slow := math.Exp(-elapsed/p.v["decay"]), math.Exp(-elapsed/p.v["slow_decay"])
	a.InFlight = follow(a.InFlight, counted(f.At(i, mesh.InFlight)), quick, a.Heard)
	rate := counted(f.At(i, mesh.RequestRate))
	a.Rate = follow(a.Rate, known(rate), slow, a.Heard)
	latency := latencyOf(f, i)
	if math.IsNaN(latency) {
		p.drift(a)
		return
	}
	a.Mean = follow(a.Mean, latency, quick, a.Heard)
	a.P50 = follow(a.P50, positive(f.At(i, mesh.LatencyP50)), quick, a.Heard)
	a.P99 = follow(a.P99, positive(f.At(i, mesh.LatencyP99)), quick, a.Heard)
	a.Success = follow(a.Success, 1-known(ratio(f.At(i, mesh.ErrorRatio))), slow, a.Heard)
	a.Heard = true
}

// follow moves an average to a value, of which it keeps part; a first value is
// taken as it is.
func follow(average, value, keep float64, heard bool) float64 {
	switch {
	case math.IsNaN(value):
		return average
	case !heard || average == 0:
		return value
	}
	return keep*average + (1-keep)*value
}

func (p *ewmaWeights) drift(a *averages) {
	const success = 0.01 // per window
	initial, step := p.v["initial"], p.v["drift"]
	for _, x := range []*float64{&a.P50, &a.P99, &a.Mean} {
		if *x > 0 {
			*x += min(max(initial-*x, -step), step)
		}
	}
	a.Success = min(a.Success+success, 1)
}

func (p *ewmaWeights) weight(a *averages) float64 {
	if !a.Heard {
		return math.NaN()
	}
	waiting := 0.0
	if a.Rate > 0 {
		waiting = a.InFlight / a.Rate
	}
	latency := a.expected() + p.v["failure_latency"]*(1/a.Success-1)
	if math.IsInf(latency, 1) {
		return 1
	}
	return max(positive(100/((waiting+1)*(waiting+1)*latency)), 1)
}

// expected is the mean of the log-normal distribution through p50 and p99.
func (a *averages) expected() float64 {
	if !(a.P50 > 0) || !(a.P99 >= a.P50) {
		return a.Mean
	}
	const z99 = 2.3263478740408408
	sigma := math.Log(a.P99/a.P50) / z99
	return a.P50 * math.Exp(sigma*sigma/2)
}

// control draws the weights to their mean when the load is above its average
// and away from it when the load is below.
func (p *ewmaWeights) control(weights []float64, order []*averages, f *features.Frame) {
	usual, mean := 0.0, 0.0
	for i, a := range order {
		usual, mean = usual+a.Rate, mean+weights[i]/float64(len(order))
	}
	now := serviceRate(f)
	if !(now > 0) || !(usual > 0) || len(order) < 2 {
		return
	}
	change := (now - usual) / usual
	damped := func(times float64) float64 {
		return math.Pow(1+times*change*times*change, p.v["exponent"])
	}
	for i, w := range weights {
		switch {
		case change > 0:
			w = mean + (w-mean)/damped(1)
		case w <= mean:
			w /= damped(2)
		default:
			w = 2*w - mean - (w-mean)/damped(3)
		}
		weights[i] = max(w, 1)
	}
}
