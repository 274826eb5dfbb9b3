package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

// trueQueues are n random queues, what the metrics' memory takes their
// capacities to be, and a load that is within both.
func trueQueues(r *rand.Rand, n int) (queues []features.Queue, remembered []float64, rate float64) {
	sum := 0.0
	for range n {
		q := features.Queue{Capacity: 20 * math.Exp(2*r.Float64()), Concurrency: float64(1 + r.IntN(4)), Horizon: 10, Stretch: 0.5 + r.Float64()}
		queues = append(queues, q)
		remembered = append(remembered, q.Capacity*math.Exp(0.2*(2*r.Float64()-1)))
		sum += min(q.Capacity, remembered[len(remembered)-1])
	}
	return queues, remembered, sum * (0.2 + 0.6*r.Float64())
}

// shown is the window in which the queues had these weights.
func shown(k int, queues []features.Queue, remembered []float64, rate float64, weights []float64) *features.Frame {
	var list []seen
	for i := range queues {
		e := well(fmt.Sprintf("e%d", i), "")
		e.rate, e.capacity = rate*weights[i], remembered[i]
		e.mean = queues[i].Mean(e.rate)
		list = append(list, e)
	}
	return frame(k, list...)
}

func moved(a, b []float64) (sum float64) {
	for i := range a {
		sum += math.Abs(a[i]-b[i]) / 2
	}
	return sum
}

// steady is what fairway does with weights, over the formula of the queue.
func steady() Policy {
	cfg := DefaultConfig()
	return Limit(Eject(Queueing(cfg), nil, cfg), cfg)
}

// TestTheSameMetricsMoveNothing: once the steps have led to what the metrics say,
// one more window with the same metrics moves no weight.
func TestTheSameMetricsMoveNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for trial := range 60 {
		queues, remembered, rate := trueQueues(r, 2+r.IntN(8))
		start := make([]float64, len(queues))
		sum := 0.0
		for i := range start {
			start[i] = r.ExpFloat64()
			sum += start[i]
		}
		for i := range start {
			start[i] /= sum
		}
		p := steady()
		var before []float64
		for k := range 12 {
			d := decide(t, p, shown(k, queues, remembered, rate, start))
			if k >= 11 && moved(d.Weights, before) > 1e-9 {
				t.Errorf("trial %d: the same metrics moved %v to %v", trial, before, d.Weights)
			}
			before = d.Clone().Weights
		}
	}
}

// TestNoSwingGrows closes the loop, on memory that is up to 20 % wrong: each
// window shows what the weights before it have caused. From a push of a tenth of
// the traffic, two endpoints swing less and less, and any number comes to rest.
func TestNoSwingGrows(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for trial := range 200 {
		n := 2
		if trial%2 == 1 {
			n = 3 + r.IntN(8)
		}
		queues, remembered, rate := trueQueues(r, n)
		p := steady()
		weights := make([]float64, n)
		for i := range weights {
			weights[i] = 1 / float64(n)
		}
		var swings []float64
		for k := range 60 {
			if k == 30 { // the push
				weights[0] += 0.1 * (1 - weights[0])
				for i := 1; i < n; i++ {
					weights[i] *= 0.9
				}
			}
			d := decide(t, p, shown(k, queues, remembered, rate, weights))
			swings = append(swings, moved(d.Weights, weights))
			weights = d.Clone().Weights
		}
		for k := 32; k < 60 && n == 2; k++ {
			if swings[k] > max(swings[k-1], swings[k-2])+1e-7 {
				t.Errorf("trial %d: swing %d is %v after %v", trial, k, swings[k], swings[30:k])
				break
			}
		}
		if swings[29] > 1e-3 || swings[59] > 1e-3 {
			t.Errorf("trial %d, %d endpoints at %.2f of what they can do: still moves by %v and %v", trial, n, rate/sumOf(remembered), swings[29], swings[59])
		}
	}
}

func sumOf(list []float64) (sum float64) {
	for _, x := range list {
		sum += x
	}
	return sum
}
