package contest

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// reduced is what the findings need of one run.
type reduced struct {
	figures               [len(Metrics)]float64 // NaN: unknown
	requests, probes      int
	notDrained, toDrain   int
	notReturned, toReturn int
	declined              map[string]int
	quantiles             []float64 // of the latency, at Parts
	slots                 []slot
	trail                 *trail // of the first seed alone
}

// slot is one part of the time.
type slot struct{ mean, p99 float64 }

// trail is where the requests of a run went.
type trail struct {
	start     []time.Duration
	endpoints []string
	shares    [][]float64 // slot by slot; nil where there was no request
	weights   [][]float64 // nil where nothing sets weights
	faults    []datasets.Fault
}

// Parts are the parts of the requests at which latency curves have a point:
// ever closer to all of them.
var Parts = func() []float64 {
	p := make([]float64, 61)
	for k := range p {
		p[k] = 1 - math.Pow(10, -float64(k)/20)
	}
	return p
}()

func reduce(r *sim.Result, deadline time.Duration, first bool) *reduced {
	out := &reduced{
		requests: r.Requests, probes: r.Probes, declined: r.Declined,
		notDrained: r.NotDrained, toDrain: len(r.Drain), notReturned: r.NotReturned, toReturn: len(r.Return),
	}
	for i := range Metrics {
		out.figures[i] = math.NaN()
		if r.Requests > 0 {
			out.figures[i] = Metrics[i].of(r, deadline.Seconds())
		}
	}
	for _, p := range Parts {
		out.quantiles = append(out.quantiles, atDeadline(quantile(r.Latency, p), deadline.Seconds()))
	}
	for _, s := range r.Slots {
		out.slots = append(out.slots, slot{s.Latency, s.P99})
	}
	if first {
		out.trail = newTrail(r)
	}
	return out
}

func newTrail(r *sim.Result) *trail {
	t := &trail{endpoints: r.Endpoints, faults: r.Faults}
	for _, s := range r.Slots {
		t.start = append(t.start, s.Start)
		t.shares = append(t.shares, shares(s.Sent))
		t.weights = append(t.weights, s.Weights)
	}
	return t
}

func shares(sent []int) []float64 {
	total := 0
	for _, n := range sent {
		total += n
	}
	if total == 0 {
		return nil
	}
	out := make([]float64, len(sent))
	for i, n := range sent {
		out[i] = float64(n) / float64(total)
	}
	return out
}

func quantile(h *sim.Histogram, p float64) float64 {
	if h == nil {
		return math.NaN()
	}
	return h.Quantile(p)
}

// seconds is the mean of some times; NaN of none.
func seconds(times []time.Duration) float64 {
	sum := 0.0
	for _, t := range times {
		sum += t.Seconds()
	}
	return sum / float64(len(times))
}
