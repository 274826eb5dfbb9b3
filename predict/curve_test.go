package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// TestCurvesNeverFall: over random networks, small and violent, mean, errors
// and cost do not decrease in the load; quantiles are in order.
func TestCurvesNeverFall(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	objectives := []mesh.Objective{
		mesh.DefaultObjective(),
		{Deadline: 50 * time.Millisecond, Percentile: 0.9, ErrorCost: 10},
		{Deadline: 50 * time.Millisecond, Percentile: 0.9, ErrorCost: 0.1}, // a failure cheaper than most answers
	}
	for round := range 200 {
		m := trained(rng, model.Outcome)
		m.Routing.Layers = layers(rng, math.Pow(10, 3*rng.Float64()-1.5), len(m.Routing.Columns), 16, model.OutcomeOutputs)
		f := frame(rng, 4)
		set(f, 3, "load_now", 9)
		set(f, 2, "waiting", 1e4)
		curves := ask(t, compile(t, m), f, nil).Curves
		for i := range curves {
			c := &curves[i]
			last := [5]float64{}
			for step := range 200 {
				load := c.Capacity * 4 * float64(step) / 199
				now := [5]float64{c.Mean(load), c.Errors(load)}
				for k, o := range objectives {
					now[2+k] = c.Cost(load, o)
				}
				for k, v := range now {
					if math.IsNaN(v) || math.IsInf(v, 0) || v < last[k]*(1-1e-12) {
						t.Fatalf("round %d, %+v: at load %v value %d is %v after %v", round, *c, load, k, v, last[k])
					}
				}
				if a := c.Predict(load); !(a.P50 <= a.P90 && a.P90 <= a.P99) || a.ErrorRatio > 1 || a.Mean != now[0] {
					t.Fatalf("round %d: %+v", round, a)
				}
				last = now
			}
		}
	}
}

func TestCostIsTheObjectives(t *testing.T) {
	c := Curve{Known: true, Queue: features.Queue{Capacity: 100, Concurrency: 2, Waiting: 3, Horizon: 10, Stretch: 1}, Level: 2, Now: 30, Err0: -3, Err1: 2}
	o := mesh.Objective{Deadline: time.Second, Percentile: 0.99, ErrorCost: 2}
	for _, load := range []float64{0, 50, 100, 500} {
		if got, want := c.Cost(load, o), o.Cost(c.Mean(load), c.Errors(load)); math.Abs(got-want) > 1e-12 {
			t.Errorf("at %v: cost %v; want %v", load, got, want)
		}
	}
}

func TestSoftplus(t *testing.T) {
	for x, want := range map[float64]float64{0: math.Ln2, 1000: 1000, -1000: 0, -20: 2.0611536203143807e-09} {
		if got := softplus(x); math.Abs(got-want) > 1e-15*(1+want) {
			t.Errorf("softplus(%v) = %v; want %v", x, got, want)
		}
	}
}

// TestCorrectionsAreBounded: whatever a network says, capacity, waiting and
// level stay within the bounds, and what waits within twice what was seen.
func TestCorrectionsAreBounded(t *testing.T) {
	a := Anchors{Reference: 0.1, Capacity: 50, Concurrency: 2, Load: 30, Waiting: 4, Horizon: 10, ErrorRatio: 0.01, Excess: 0.3}
	bounds := model.DefaultBounds()
	for _, x := range []float32{-1e30, -50, 50, 1e30} {
		var o [model.OutcomeOutputs]float32
		for _, k := range []int{OutCapacity, OutStretch, OutWaiting, OutLevel} {
			o[k] = x
		}
		c, plain := Correct(&a, o[:], bounds), Correct(&a, make([]float32, model.OutcomeOutputs), bounds)
		for name, v := range map[string][3]float64{
			"capacity": {c.Capacity, plain.Capacity, bounds.Capacity}, "stretch": {c.Stretch, plain.Stretch, bounds.Stretch},
		} {
			if got := math.Abs(math.Log(v[0] / v[1])); math.Abs(got-math.Log(v[2])) > 1e-9 {
				t.Errorf("outputs of %v: the %s is %v instead of %v; want a factor of %v", x, name, v[0], v[1], v[2])
			}
		}
		if c.Waiting < 0 || c.Waiting > 2*a.Waiting {
			t.Errorf("outputs of %v: %v wait of %v", x, c.Waiting, a.Waiting)
		}
		persist := sigmoid(-PersistBias)
		level := math.Log(c.Level) - (1-persist)*a.Excess - persist*math.Log(a.Reference/c.Queue.Mean(a.Load))
		if math.Abs(math.Abs(level)-math.Log(bounds.Level)) > 1e-9 {
			t.Errorf("outputs of %v: the level is off by e^%v; want a factor of %v", x, level, bounds.Level)
		}
	}
}

// TestLate: half of the answers take longer than the median, a hundredth longer than
// the 99th percentile, and the more the longer they take on average.
func TestLate(t *testing.T) {
	c := Curve{Mid: 0.8, Tail90: 1.7, Tail99: 1.5}
	if got := c.Late(0.2, 0.8*0.2); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("%v take longer than the median", got)
	}
	if got := c.Late(0.2, 0.8*0.2*1.7*1.5); math.Abs(got-0.01) > 1e-5 {
		t.Errorf("%v take longer than the 99th percentile", got)
	}
	last := 0.0
	for _, mean := range []float64{1e-3, 0.1, 0.3, 0.5, 1, 10} {
		now := c.Late(mean, 0.5)
		if !(now >= last && now <= 1) {
			t.Errorf("of answers of %v s %v are late, of faster ones %v", mean, now, last)
		}
		last = now
	}
	c.Tail90, c.Tail99 = 1, 1 // all take the same
	if early, late := c.Late(0.2, 0.5), c.Late(1, 0.5); early != 0 || late != 1 {
		t.Errorf("without a tail %v and %v are late; want none and all", early, late)
	}
}
