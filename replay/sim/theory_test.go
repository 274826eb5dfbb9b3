package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

func random() router.Strategy {
	return router.Strategy{Name: "random", Picker: func(c picker.Config) picker.Picker {
		equal := make(mesh.Weights, c.Endpoints)
		equal.Equal()
		return picker.NewWeighted(equal, c.Seed)
	}}
}

func powerOfTwo() router.Strategy {
	return router.Strategy{Name: "p2c", Picker: func(c picker.Config) picker.Picker {
		return picker.NewPowerOfTwo(c.Endpoints, c.Weights, c.Seed)
	}}
}

// queue is a scenario of n equal endpoints whose mean work is 1 s, in which
// about so many requests arrive.
func queue(n int, group Group, load float64, work Work, requests float64) *Scenario {
	group.Count = n
	work.Mean = time.Second
	s := &Scenario{Name: "queue", Deadline: 100 * time.Hour, Arrivals: Arrivals{Load: load}, Work: work, Groups: []Group{group}}
	s.defaults()
	s.Duration = time.Duration(requests / (load * float64(n) * s.Groups[0].Workers) * float64(time.Second))
	s.WarmUp = s.Duration / 20
	return s
}

func mean(t *testing.T, s *Scenario, strategy router.Strategy) float64 {
	t.Helper()
	res, err := Run(t.Context(), s, 1, strategy)
	if err != nil {
		t.Fatal(err)
	}
	if res.Failed > 0 {
		t.Fatalf("%d requests failed", res.Failed)
	}
	return res.Mean
}

// waiting is the mean time in an M/M/c queue of mean service time 1, from
// Erlang's formula for the probability of having to wait.
func waiting(c int, load float64) float64 {
	offered := load * float64(c)
	blocked := 1.0 // Erlang B, by its recursion
	for k := 1; k <= c; k++ {
		blocked = offered * blocked / (float64(k) + offered*blocked)
	}
	wait := blocked / (1 - load*(1-blocked))
	return wait/(float64(c)*(1-load)) + 1
}

func TestTheory(t *testing.T) {
	constant, exponential := Work{Distribution: Constant}, Work{Distribution: Exponential}
	normal := Work{Distribution: TruncatedNormal}
	heavy := Work{Distribution: Pareto, Shape: 1.5, Bound: 1000}
	// Pollaczek-Khinchine: 1 + λ E[S²]/(2(1−ρ)).
	for _, c := range []struct {
		name     string
		n        int
		group    Group
		work     Work
		load     float64
		requests float64
		want     float64
		strategy router.Strategy
	}{
		{"M/M/1", 100, Group{}, exponential, 0.9, 6e6, 10, random()},
		{"two choices", 100, Group{}, exponential, 0.9, 2e6, 2.61, powerOfTwo()},
		{"M/D/1", 20, Group{}, constant, 0.8, 1e6, 1 + 0.8/(2*0.2), random()},
		{"M/G/1", 20, Group{}, normal, 0.7, 1e6, 1 + 0.7*secondMoment(normal)/(2*0.3), random()},
		{"M/G/1-PS, exponential", 20, Group{Discipline: Sharing}, exponential, 0.8, 2e6, 5, random()},
		{"M/G/1-PS, constant", 20, Group{Discipline: Sharing}, constant, 0.8, 2e6, 5, random()},
		{"M/G/1-PS, heavy tail", 20, Group{Discipline: Sharing}, heavy, 0.5, 3e6, 2, random()},
		{"M/M/2", 20, Group{Workers: 2}, exponential, 0.8, 1e6, waiting(2, 0.8), random()},
		{"M/M/4", 10, Group{Workers: 4}, exponential, 0.9, 3e6, waiting(4, 0.9), random()},
		{"M/M/16", 5, Group{Workers: 16}, exponential, 0.7, 1e6, waiting(16, 0.7), random()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := mean(t, queue(c.n, c.group, c.load, c.work, c.requests), c.strategy)
			t.Logf("mean response %.4f, theory %.4f (%+.2f %%)", got, c.want, 100*(got/c.want-1))
			if math.Abs(got/c.want-1) > 0.02 {
				t.Errorf("mean response is %v; theory says %v ± 2 %%", got, c.want)
			}
		})
	}
}

// secondMoment of a work of mean 1, by sampling.
func secondMoment(w Work) float64 {
	w.Mean = time.Second
	draw, r, sum := w.sampler(), stream(1, 1), 0.0
	const n = 1_000_000
	for range n {
		x := draw(r)
		sum += x * x
	}
	return sum / n
}

func BenchmarkPowerOfTwo(b *testing.B) {
	for _, n := range []int{100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			s := queue(n, Group{}, 0.9, Work{Distribution: Exponential}, float64(b.N))
			s.Deadline = 100 * time.Second
			b.ResetTimer()
			if _, err := Run(b.Context(), s, 1, powerOfTwo()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
