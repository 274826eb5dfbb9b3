package features_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

// TestQueueOfALongHorizon is the stationary queue: of M/M/1, c/(c − load).
func TestQueueOfALongHorizon(t *testing.T) {
	q := features.Queue{Capacity: 40, Concurrency: 1, Horizon: 1e7, Stretch: 1}
	for _, load := range []float64{0, 4, 20, 36, 38} {
		if got, want := q.Mean(load), 1/(40-load); math.Abs(got/want-1) > 1e-3 {
			t.Errorf("at %v requests/s the mean is %v; M/M/1 has %v", load, got, want)
		}
	}
	// M/M/4 at 0.8: Erlang C says that 0.5964 wait, for 1/(4·0.2) services each.
	four := features.Queue{Capacity: 4, Concurrency: 4, Horizon: 1e7, Stretch: 1}
	if got, want := four.Mean(3.2), 1+0.5964/0.8; math.Abs(got/want-1) > 0.03 {
		t.Errorf("of M/M/4 at 0.8 the mean is %v services, want %v", got, want)
	}
}

// TestQueueOfAShortHorizon is a fluid: what waits, and half of what comes more
// than goes.
func TestQueueOfAShortHorizon(t *testing.T) {
	q := features.Queue{Capacity: 100, Concurrency: 1, Waiting: 500, Horizon: 2, Stretch: 1}
	for _, load := range []float64{50, 100, 200} {
		want := 0.01 + 5 + (load/100-1)*2/2
		if got := q.Mean(load); math.Abs(got/want-1) > 0.01 {
			t.Errorf("at %v requests/s the mean is %v, want %v", load, got, want)
		}
	}
}

func randomQueue(r *rand.Rand) features.Queue {
	log := func(low, high float64) float64 { return low * math.Pow(high/low, r.Float64()) }
	q := features.Queue{Capacity: log(0.1, 1e4), Concurrency: log(1, 100), Horizon: log(0.01, 1e3), Stretch: log(0.1, 10)}
	if r.IntN(2) == 0 {
		q.Waiting = log(0.01, 1e4)
	}
	return q
}

func TestQueueNeverFalls(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		q := randomQueue(r)
		before := 0.0
		for k := range 200 {
			mean := q.Mean(q.Capacity * float64(k) / 50)
			if !(mean >= before*(1-1e-12)) || math.IsInf(mean, 0) || mean <= 0 {
				t.Fatalf("%+v: %v after %v at %v of the capacity", q, mean, before, float64(k)/50)
			}
			before = mean
		}
	}
}

func TestQueueSlopes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const step = 1e-5
	for range 2000 {
		q := randomQueue(r)
		load := q.Capacity * 2 * r.Float64()
		if math.Abs(load/q.Capacity-1) < 1e-3 {
			continue // it has a corner there
		}
		log, capacity, stretch, waiting := q.Slopes(load)
		if want := math.Log(q.Mean(load)); math.Abs(log-want) > 1e-12*(1+math.Abs(want)) {
			t.Fatalf("%+v: the log is %v, want %v", q, log, want)
		}
		slope := func(change func(*features.Queue, float64)) float64 {
			a, b := q, q
			change(&a, math.Exp(-step))
			change(&b, math.Exp(step))
			return (math.Log(b.Mean(load)) - math.Log(a.Mean(load))) / (2 * step)
		}
		for name, pair := range map[string][2]float64{
			"capacity": {capacity, slope(func(q *features.Queue, k float64) { q.Capacity *= k })},
			"stretch":  {stretch, slope(func(q *features.Queue, k float64) { q.Stretch *= k })},
			"waiting":  {waiting, slope(func(q *features.Queue, k float64) { q.Waiting *= k })},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-4*(1+math.Abs(pair[1])) {
				t.Fatalf("%+v at %v: slope by %s is %v, differences say %v", q, load, name, pair[0], pair[1])
			}
		}
	}
}
