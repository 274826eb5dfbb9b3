package sim

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// named is the strategy of a picker without a policy.
func named(t testing.TB, name string) router.Strategy {
	t.Helper()
	if _, err := picker.Named(name, picker.Config{Endpoints: 1, Truth: func(int) float64 { return 0 }}); err != nil {
		t.Fatal(err)
	}
	return router.Strategy{Name: name, Picker: func(c picker.Config) picker.Picker {
		p, _ := picker.Named(name, c)
		return p
	}}
}

// queue is a scenario of n equal endpoints whose mean work is 1 s, in which
// about so many requests arrive.
func queue(n int, group Group, load float64, work Work, requests float64) *Scenario {
	group.Count = n
	work.Mean = time.Second
	s := &Scenario{Name: "queue", Deadline: 10_000 * time.Hour, Arrivals: Arrivals{Load: load}, Work: work, Groups: []Group{group}}
	s.defaults()
	s.Duration = time.Duration(requests / (load * float64(n) * s.Groups[0].Workers) * float64(time.Second))
	s.WarmUp = s.Duration / 20
	return s
}

// erlang is the mean response of an M/M/c queue of mean service time 1, from
// Erlang's formula for the probability of having to wait.
func erlang(c int, load float64) float64 {
	offered := load * float64(c)
	blocked := 1.0 // Erlang B, by its recursion
	for k := 1; k <= c; k++ {
		blocked = offered * blocked / (float64(k) + offered*blocked)
	}
	wait := blocked / (1 - load*(1-blocked))
	return wait/(float64(c)*(1-load)) + 1
}

// pollaczek is the mean response of an M/G/1 queue of mean service time 1.
func pollaczek(load, secondMoment float64) float64 { return 1 + load*secondMoment/(2*(1-load)) }

// TestTheory holds a run to what queueing theory says, within 2 %, where
// there are requests enough to tell; with fewer (-short, or the race detector)
// within three standard errors of the means of the slots.
func TestTheory(t *testing.T) {
	constant, exponential := Work{Distribution: Constant}, Work{Distribution: Exponential}
	normal := Work{Distribution: TruncatedNormal}
	// Of a normal with mean and deviation 1 above 0, E[X²] = 1 + E[X].
	normalSquare := (1 + afterCut) / (afterCut * afterCut)
	heavy := Work{Distribution: Pareto, Shape: 1.5, Bound: 1000}
	sharing := Group{Discipline: Sharing}
	for _, c := range []struct {
		name     string
		n        int
		group    Group
		work     Work
		load     float64
		requests float64
		strategy string
		want     float64
	}{
		{"M/M/1", 100, Group{}, exponential, 0.9, 8e6, "random", 10},
		{"two choices", 100, Group{}, exponential, 0.9, 2e6, "power_of_two", 2.61},
		{"M/D/1", 20, Group{}, constant, 0.8, 5e5, "random", pollaczek(0.8, 1)},
		{"M/G/1", 20, Group{}, normal, 0.7, 5e5, "random", pollaczek(0.7, normalSquare)},
		{"M/G/1-PS, exponential", 20, sharing, exponential, 0.7, 5e5, "random", 1 / 0.3},
		{"M/G/1-PS, constant", 20, sharing, constant, 0.7, 5e5, "random", 1 / 0.3},
		{"M/G/1-PS, heavy tail", 20, sharing, heavy, 0.5, 1e6, "random", 2},
		{"M/M/2", 20, Group{Workers: 2}, exponential, 0.8, 8e5, "random", erlang(2, 0.8)},
		{"M/M/4", 20, Group{Workers: 4}, exponential, 0.7, 8e5, "random", erlang(4, 0.7)},
		{"M/M/16", 5, Group{Workers: 16}, exponential, 0.8, 1e6, "random", erlang(16, 0.8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			enough := slowdown == 1 && !testing.Short()
			if !enough {
				c.requests /= 10
			}
			res := runOne(t, queue(c.n, c.group, c.load, c.work, c.requests), 2, named(t, c.strategy))
			slack := 0.02 * c.want
			if !enough {
				slack = max(slack, 3*standardError(res))
			}
			t.Logf("mean response %.4f, theory %.4f (%+.2f %%)", res.Mean, c.want, 100*(res.Mean/c.want-1))
			if res.Failed > 0 || math.Abs(res.Mean-c.want) > slack {
				t.Errorf("mean response is %v with %d failures; theory says %v ± %v", res.Mean, res.Failed, c.want, slack)
			}
		})
	}
}

// standardError is that of the mean, by the means of twelve parts of the run.
func standardError(res *Result) float64 {
	const parts = 12
	var means []float64
	for k := 0; k < slotCount; k += slotCount / parts {
		sum, n := 0.0, 0
		for _, s := range res.Slots[k : k+slotCount/parts] {
			sum, n = sum+s.Latency*float64(s.Requests), n+s.Requests
		}
		means = append(means, sum/float64(n))
	}
	means = means[1:] // the warm-up is in the first
	mean, square := 0.0, 0.0
	for _, x := range means {
		mean += x / float64(len(means))
	}
	for _, x := range means {
		square += (x - mean) * (x - mean)
	}
	return math.Sqrt(square / float64(len(means)*(len(means)-1)))
}

// TestLindley compares one endpoint with Lindley's recursion over the same
// arrivals and works: equal to the nanosecond that times are rounded to.
func TestLindley(t *testing.T) {
	s := queue(1, Group{}, 0.9, Work{Distribution: Exponential}, 20_000)
	var latencies []float64
	_, err := Watch(t.Context(), s, 7, named(t, "random"), &Observer{Finished: func(f *Finished) {
		latencies = append(latencies, f.Latency.Seconds())
	}})
	if err != nil {
		t.Fatal(err)
	}
	arrivals, draws := s.Arrivals.pace(1, stream(7, arrivalStream)), newDraws(s, 7)
	free := 0.0
	for k, got := range latencies {
		at := arrivals.arrival()
		var q request
		draws.request(&q)
		free = max(free, at) + q.work
		if want := free - at; math.Abs(got-want) > 1e-6 {
			t.Fatalf("request %d took %v; Lindley says %v", k, got, want)
		}
	}
	if len(latencies) < 15_000 {
		t.Errorf("%d requests", len(latencies))
	}
}

// TestLittle: what arrivals find in flight is the rate times the mean latency.
func TestLittle(t *testing.T) {
	for _, g := range []Group{{Workers: 3}, {Workers: 2.5, Discipline: Sharing}} {
		s := queue(10, g, 0.8, Work{Distribution: Lognormal}, 400_000/slowdown)
		res := runOne(t, s, 1, named(t, "power_of_two"))
		rate := float64(res.Requests) / (s.Duration - s.WarmUp).Seconds()
		found := 0.0
		for n, count := range res.InFlight.Cells {
			found += float64(count) * least * math.Exp((float64(n)+0.5)*cellSize)
		}
		found *= float64(s.Count()) / float64(res.InFlight.N)
		if want := rate * res.Mean; math.Abs(found/want-1) > 0.02 {
			t.Errorf("%s: %v in flight; rate × latency is %v", g.Discipline, found, want)
		}
	}
}

func BenchmarkPowerOfTwo(b *testing.B) {
	b.ReportAllocs()
	s := queue(100, Group{}, 0.9, Work{Distribution: Exponential}, float64(b.N))
	s.Deadline = 100 * time.Second
	strategy := named(b, "power_of_two")
	b.ResetTimer()
	runOne(b, s, 1, strategy)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// TestCapacityWeights: drawn by capacity, each of several unequal endpoints is
// an M/M/1 of its own at the load of all: the mean is n/(Σ speeds · (1−load)).
func TestCapacityWeights(t *testing.T) {
	speeds := []float64{0.5, 1, 2, 4}
	s := queue(4, Group{Workers: 1, Speed: Speed{Values: speeds}}, 0.8, Work{Distribution: Exponential}, 2_000_000/slowdown)
	weights := mesh.Weights(slices.Clone(speeds))
	weights.Normalize()
	res := runOne(t, s, 1, router.Strategy{Name: "by capacity", Picker: func(c picker.Config) picker.Picker {
		return picker.NewWeighted(weights, c.Seed)
	}})
	want := 4 / (7.5 * (1 - 0.8))
	slack := max(0.02*want, 3*standardError(res))
	t.Logf("mean response %.4f, theory %.4f", res.Mean, want)
	if math.Abs(res.Mean-want) > slack {
		t.Errorf("mean response is %v; want %v ± %v", res.Mean, want, slack)
	}
}
