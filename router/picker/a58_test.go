package picker

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestA58Weight has the numbers of grpc-go's balancer tests: a rate of 100 at
// utilization 1 against one of 10 weigh as 10 to 1, and errors add to the
// utilization as their share of the rate times the penalty.
func TestA58Weight(t *testing.T) {
	for _, c := range []struct {
		load    mesh.Load
		penalty string
		want    float64
	}{
		{mesh.Load{Rate: 100, Utilization: 1}, "1", 100},
		{mesh.Load{Rate: 10, Utilization: 1}, "1", 10},
		{mesh.Load{Rate: 100, Utilization: 0.8, ErrorRate: 20}, "1", 100}, // 100 / (0.8 + 0.2)
		{mesh.Load{Rate: 100, Utilization: 0.8, ErrorRate: 20}, "0.5", 100 / 0.9},
		{mesh.Load{Rate: 100, Utilization: 1.25, ErrorRate: math.NaN()}, "1", 80},
		{mesh.Load{Rate: 100, Utilization: 0}, "1", 0}, // not heard
		{mesh.Load{Rate: 0, Utilization: 1}, "1", 0},
		{mesh.Load{Rate: math.NaN(), Utilization: 1}, "1", 0},
	} {
		p := named[besideAnswers](t, "wrr_a58:penalty="+c.penalty, Config{Endpoints: 2})
		p.Done(0, 0, mesh.Outcome{Load: &c.load})
		near(t, "weight", p.known[0].weight, c.want)
	}
}

func TestA58Timers(t *testing.T) {
	const s = time.Second
	k := report{weight: 7, last: 0, since: 0}
	for _, c := range []struct {
		now  time.Duration
		want float64
	}{
		{0, 0}, {10*s - 1, 0}, {10 * s, 7}, {180*s - 1, 7}, {180 * s, 0},
	} {
		near(t, "usable at "+c.now.String(), k.usable(c.now, 180*s, 10*s), c.want)
	}
	if k.since != none {
		t.Error("after expiry the blackout does not begin anew")
	}
	k.last, k.since = 200*s, 200*s
	near(t, "just after a return", k.usable(205*s, 180*s, 10*s), 0)
}

// TestA58UsesTheMean: endpoints without a weight get the mean of the others;
// with fewer than two weights the picker is round robin.
func TestA58UsesTheMean(t *testing.T) {
	for _, c := range []struct {
		weights []float64
		want    []float64 // share of the picks
	}{
		{[]float64{30, 10, 0}, []float64{0.5, 1. / 6, 1. / 3}},
		{[]float64{30, 0, 0}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{0, 0, 0}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{5, 5, 5}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{1e-9, 1, 1}, []float64{0, 0.5, 0.5}}, // below 1/65535 of the largest
	} {
		var s stride
		s.set(c.weights)
		counts := make([]float64, 3)
		const n = 60_000
		for range n {
			counts[s.next()]++
		}
		for i := range counts {
			if math.Abs(counts[i]/n-c.want[i]) > 0.001 {
				t.Errorf("weights %v: shares %v of %d; want %v", c.weights, counts, n, c.want)
				break
			}
		}
	}
}

// TestReportedWeightsAreTakenEachSecond, after the blackout.
func TestReportedWeightsAreTakenEachSecond(t *testing.T) {
	p := named[besideAnswers](t, "wrr_a58", Config{Endpoints: 2, Seed: 1})
	share := func(now time.Duration) float64 {
		counts := [2]float64{}
		for range 1000 {
			counts[p.Pick(now, nil)]++
		}
		return counts[0] / 1000
	}
	for i, rate := range []float64{300, 100} {
		p.Done(0, i, mesh.Outcome{Load: &mesh.Load{Rate: rate, Utilization: 1}})
	}
	if got := share(9 * time.Second); math.Abs(got-0.5) > 0.01 {
		t.Errorf("in the blackout endpoint 0 gets %v", got)
	}
	if got := share(10 * time.Second); math.Abs(got-0.75) > 0.01 {
		t.Errorf("after it %v; want 3/4", got)
	}
}

func TestReportsAreSmoothed(t *testing.T) {
	p := named[outOfBand](t, "wrr", Config{Endpoints: 2})
	p.Probed(0, 0, mesh.Load{Rate: 100, Utilization: 1, ErrorRate: 50})
	near(t, "q/u", p.known[0].weight, 100)
	p.Probed(0, 0, mesh.Load{Rate: 200, Utilization: 0.5})
	near(t, "smoothed q/u", p.known[0].weight, 150/0.75)
}

func TestOutOfBandAsksAllEachPeriod(t *testing.T) {
	p := named[outOfBand](t, "wrr_a58:oob=10s", Config{Endpoints: 3, Seed: 1})
	asked, next := p.Probes(nil, 0)
	if len(asked) != 3 || next <= 0 || next > 10*time.Second+1 {
		t.Fatalf("at first %v, next at %v; want all, and then a random phase", asked, next)
	}
	if asked, again := p.Probes(nil, next-1); len(asked) != 0 || again != next {
		t.Errorf("before its time it asks %v", asked)
	}
	if asked, again := p.Probes(nil, next); len(asked) != 3 || again != next+10*time.Second {
		t.Errorf("at its time %v, and %v", asked, again)
	}
}
