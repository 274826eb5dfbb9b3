package lab

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShares(t *testing.T) {
	for n := 2; n <= 50; n += 3 {
		largest, smallest := 0, shareUnit
		for seed := range uint64(200) {
			got := shares(stream(seed, "a test"), n)
			sum := 0
			for _, u := range got {
				if u < minShare*shareUnit || u > maxShare*shareUnit {
					t.Fatalf("seed %d: shares %v are not within the bounds", seed, got)
				}
				sum += u
			}
			if len(got) != n || sum != shareUnit {
				t.Fatalf("seed %d: %d shares that sum to %d; want %d, %d", seed, len(got), sum, n, shareUnit)
			}
			largest, smallest = max(largest, slices.Max(got)), min(smallest, slices.Min(got))
			if again := shares(stream(seed, "a test"), n); !slices.Equal(got, again) {
				t.Fatalf("seed %d: shares %v, then %v", seed, got, again)
			}
		}
		if n > 2 && n <= 8 && (largest < 0.6*shareUnit || smallest > 0.03*shareUnit) {
			t.Errorf("%d endpoints: the shares lie within [%d, %d]: too little variety to learn from", n, smallest, largest)
		}
	}
}

func TestPeriodsCoverTheTime(t *testing.T) {
	for seed := range uint64(50) {
		const duration = 7 * time.Minute
		at := time.Duration(0)
		for _, p := range periods(stream(seed, "a test"), 4, duration) {
			if length := p.end - p.start; p.start != at || length < 10*time.Second || length > 30*time.Second {
				t.Fatalf("seed %d: a period [%v, %v) after %v", seed, p.start, p.end, at)
			}
			at = p.end
		}
		if at < duration {
			t.Fatalf("seed %d: the periods end at %v", seed, at)
		}
	}
}

func TestPickFollowsTheShares(t *testing.T) {
	p := period{shares: []int{200, 7000, 1800, 1000}}
	const n = 100000
	counts := make([]int, len(p.shares))
	rng := stream(1, "a test")
	for range n {
		counts[p.pick(rng)]++
	}
	for i, units := range p.shares {
		if got, want := float64(counts[i])/n, float64(units)/shareUnit; !near(got, want, n) {
			t.Errorf("endpoint %d was drawn with %.4f; want %.4f", i, got, want)
		}
	}
}

// near allows a ratio of n draws four standard deviations.
func near(got, want float64, n int) bool {
	return math.Abs(got-want) <= 4*math.Sqrt(want*(1-want)/float64(n))+1e-9
}

func TestGamma(t *testing.T) {
	for _, shape := range []float64{0.6, 1.5, 5} {
		rng := stream(1, "a test")
		const n = 200000
		sum, squares := 0.0, 0.0
		for range n {
			x := gamma(rng, shape)
			sum += x
			squares += x * x
		}
		mean := sum / n
		if variance := squares/n - mean*mean; math.Abs(mean-shape) > 0.02*shape || math.Abs(variance-shape) > 0.04*shape {
			t.Errorf("shape %v: mean %.3f, variance %.3f; want both %v", shape, mean, variance, shape)
		}
	}
}

func TestPlanFollowsShapeAndShares(t *testing.T) {
	const duration = 2 * dayLength
	for seed := range uint64(5) {
		s := DefaultConfig().Services[0]
		requests := plan(seed, s, duration)
		spans := periods(stream(seed, "shares/"+s.Name), len(s.Endpoints), duration)
		classes, endpoints := make([]float64, len(s.Classes)), make([]float64, len(s.Endpoints))
		expected := make([]float64, len(s.Endpoints))
		for i, r := range requests {
			if r.at < 0 || r.at >= duration || i > 0 && r.at < requests[i-1].at {
				t.Fatalf("seed %d: request %d is at %v", seed, i, r.at)
			}
			span := spans[slices.IndexFunc(spans, func(p period) bool { return r.at < p.end })]
			if r.propensity != span.shares[r.endpoint] {
				t.Fatalf("seed %d: request %d has propensity %d; its share is %d", seed, i, r.propensity, span.shares[r.endpoint])
			}
			classes[r.class]++
			endpoints[r.endpoint]++
			for e, units := range span.shares {
				expected[e] += float64(units) / shareUnit
			}
		}
		n := len(requests)
		if rate := float64(n) / duration.Seconds(); math.Abs(rate/s.Rate-1) > 0.1 {
			t.Errorf("seed %d: %.1f requests/s; want %v", seed, rate, s.Rate)
		}
		for i, c := range s.Classes {
			if got := classes[i] / float64(n); !near(got, c.Share, n) {
				t.Errorf("seed %d: %.3f of the requests are %s; want %v", seed, got, c.Name, c.Share)
			}
		}
		for i := range endpoints {
			if got, want := endpoints[i]/float64(n), expected[i]/float64(n); !near(got, want, n) {
				t.Errorf("seed %d: endpoint %d got %.3f of the requests; want %.3f", seed, i, got, want)
			}
		}
	}
}

// TestPlanKnowsNothingOfTheMesh changes everything that decides how the mesh
// answers, and what goes wrong with it: the plan stays the same.
func TestPlanKnowsNothingOfTheMesh(t *testing.T) {
	s := DefaultConfig().Services[0]
	want := plan(3, s, 5*time.Minute)
	other := s
	other.Endpoints = slices.Clone(s.Endpoints)
	for i := range other.Endpoints {
		e := &other.Endpoints[i]
		e.Name, e.Address, e.ServiceTime, e.Workers, e.Queue = e.Name+"-slow", "127.0.0.1:1", time.Hour, 1, 0
	}
	if got := plan(3, other, 5*time.Minute); !slices.Equal(got, want) {
		t.Error("the plan depends on what the endpoints are like")
	}
	if got := plan(4, s, 5*time.Minute); slices.Equal(got, want) {
		t.Error("the plan does not depend on the seed")
	}
	// More classes of requests change no share.
	other = s
	other.Classes = []Class{{Name: "only", Share: 1, Cost: 1}}
	if diff := cmp.Diff(periodsOf(want), periodsOf(plan(3, other, 5*time.Minute))); diff != "" {
		t.Errorf("the shares depend on the classes:\n%s", diff)
	}
}

// periodsOf returns the propensities that occur in a plan, sorted.
func periodsOf(requests []planned) []int {
	var units []int
	for _, r := range requests {
		units = append(units, r.propensity)
	}
	slices.Sort(units)
	return slices.Compact(units)
}

func TestShapeStaysBelowItsPeak(t *testing.T) {
	for seed := range uint64(20) {
		s := newShape(stream(seed, "a test"), 10, time.Hour)
		bursts := 0
		for at := time.Duration(0); at < time.Hour; at += time.Second {
			rate := s.at(at)
			if rate <= 0 || rate > s.peak() {
				t.Fatalf("seed %d: rate %v at %v; the peak is %v", seed, rate, at, s.peak())
			}
			if rate > s.base*(1+dayDepth) {
				bursts++
			}
		}
		if len(s.bursts) == 0 || bursts == 0 {
			t.Errorf("seed %d: an hour without a burst", seed)
		}
	}
}
