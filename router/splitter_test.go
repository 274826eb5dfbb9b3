package router

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
)

// TestHorizon: half of the window, its age, and the time to the next.
func TestHorizon(t *testing.T) {
	f := frame(0, six()...) // a span of 10 s
	for _, c := range []struct {
		step float64
		age  time.Duration
		want float64
	}{
		{5, 2 * time.Second, 12}, {30, 0, 35}, {5, time.Minute, 70},
		{0, 2 * time.Second, 17}, // of the first window nobody knows when the next comes: after as long
	} {
		f.Step = c.step
		near(t, fmt.Sprintf("the horizon at step %v, age %v", c.step, c.age), horizon(f, c.age), c.want, 1e-9)
	}
}

// TestDrowning: up to the deadline the cost is the curve's; beyond it a tenth of
// what a request takes longer is added, so that the cost goes on rising.
func TestDrowning(t *testing.T) {
	o := mesh.DefaultObjective()
	o.Deadline = time.Second
	c := predict.Curve{Known: true, Level: 1, Err0: -9, Queue: features.Queue{Capacity: 100, Concurrency: 1, Horizon: 10, Stretch: 1}}
	for _, load := range []float64{0, 50, 90, 110} {
		if c.Mean(load) > 1 {
			t.Fatalf("at %v requests/s it takes %v s", load, c.Mean(load))
		}
		near(t, "the cost before the deadline", drowning(&c, load, o), c.Cost(load, o), 0)
	}
	last := 0.0
	for _, load := range []float64{130, 200, 1000} {
		if !(c.Mean(load) > 1) {
			t.Fatalf("at %v requests/s it takes %v s", load, c.Mean(load))
		}
		now := drowning(&c, load, o)
		near(t, "the cost beyond it", now, c.Cost(load, o)+0.1*(c.Mean(load)-1), 1e-9)
		if now <= last {
			t.Errorf("%v requests/s cost %v, fewer %v", load, now, last)
		}
		last = now
	}
}

// TestLateAnswersCost: where a failure costs more than the deadline, so does an answer
// that comes after it, by what the curve expects and by what was just seen.
func TestLateAnswersCost(t *testing.T) {
	c := predict.Curve{Known: true, Level: 1, Err0: -9, Mid: 1, Tail90: 1.7, Tail99: 1.7, Now: 10, Queue: features.Queue{Capacity: 100, Concurrency: 20, Horizon: 10, Stretch: 1}}
	o := mesh.DefaultObjective()
	o.Deadline = 300 * time.Millisecond // of services of 200
	plain := drowning(&c, 50, o)
	near(t, "the cost of an answer, late or not", plain, c.Cost(50, o), 0)
	dear := o
	dear.ErrorCost = 4
	late := c.Late(c.Mean(50), 0.3)
	if !(late > 0.05) {
		t.Fatalf("%v are late", late)
	}
	near(t, "the cost of late answers", drowning(&c, 50, dear)-c.Cost(50, dear), 3*0.3*late, 1e-9)

	f := frame(0, six()...)
	l := splitter{curves: make([]predict.Curve, len(f.Endpoints)), egress: make([]float64, len(f.Endpoints))}
	for i := range l.curves {
		l.curves[i] = c
	}
	l.priceLate(f, o)
	for i, x := range l.egress {
		near(t, fmt.Sprintf("what endpoint %d costs beyond its curve where failures cost the deadline", i), x, 0, 0)
	}
	for i := range l.curves { // curves that what was seen agrees with
		l.curves[i].Level = f.At(i, mesh.LatencyMean) / c.Mean(c.Now)
	}
	l.curves[1].Level /= 10 // one that was ten times faster so far
	dear.Deadline = time.Duration(0.8 * f.At(1, mesh.LatencyMean) * float64(time.Second))
	l.priceLate(f, dear)
	for i, x := range l.egress {
		if i == 1 {
			if !(x > 1.5*dear.Deadline.Seconds()) {
				t.Errorf("the endpoint whose answers have become late costs %v s more", x)
			}
			continue
		}
		near(t, fmt.Sprintf("what endpoint %d, as slow as ever, costs beyond its curve", i), x, 0, 1e-9)
	}
}

// TestReady: the load goes towards the capacity as capacities do not last, and
// never below what comes.
func TestReady(t *testing.T) {
	for _, c := range []struct{ load, capacity, unrest, want float64 }{
		{100, 200, 0, 100}, {100, 200, restless / 2, 150}, {100, 200, restless, 200}, {100, 200, 9, 200},
		{250, 200, restless, 250}, {0, 200, restless / 4, 50}, {0, 0, 1, 0},
	} {
		near(t, fmt.Sprintf("ready(%v, %v, %v)", c.load, c.capacity, c.unrest), ready(c.load, c.capacity, c.unrest), c.want, 1e-9)
	}
}

// loaded are endpoints that answer rate requests/s in equal parts as a queue of
// their capacities does.
func loaded(rate float64, capacities ...float64) []seen {
	var list []seen
	for i, capacity := range capacities {
		e := well(fmt.Sprintf("c%d", i+1), "")
		q := features.Queue{Capacity: capacity, Concurrency: 1, Horizon: 10, Stretch: 1}
		e.capacity, e.rate = capacity, rate/float64(len(capacities))
		e.mean = q.Mean(e.rate)
		list = append(list, e)
	}
	return list
}

// TestMoreThanAllCanDo: at a demand beyond the capacity the weights go with the
// capacities, however much it is beyond and whatever the deadline. Nobody is
// drowned for the sake of the others.
func TestMoreThanAllCanDo(t *testing.T) {
	capacities := []float64{80, 26, 24}
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	m := uncorrected(t)
	for name, p := range map[string]Policy{"queueing": Queueing(cfg), "learned": Learned(m, compiledModel(t, m), cfg)} {
		k := 0
		for _, deadline := range []time.Duration{500 * time.Millisecond, time.Second, 10 * time.Second} {
			for _, rate := range []float64{125, 130, 140, 165, 400, 2000} {
				f := frame(k, loaded(rate, capacities...)...)
				f.Objective.Deadline = deadline
				d := decide(t, p, f)
				k++
				for i, capacity := range capacities {
					near(t, fmt.Sprintf("%s: the weight of c%d at %v requests/s, deadline %v,", name, i+1, rate, deadline), d.Weights[i], capacity/130, 0.035)
				}
			}
		}
	}
}

// TestPredictionsAreOfWhatComes, not of what weights were solved for.
func TestPredictionsAreOfWhatComes(t *testing.T) {
	for _, rate := range []float64{20, 165} {
		p := Queueing(DefaultConfig()).(*queueingPolicy)
		f := frame(0, loaded(rate, 80, 26, 24)...)
		f.Demand = 2 * rate
		d := decide(t, p, f)
		for i := range d.Weights {
			near(t, "the mean foretold", d.Predictions[i].Mean, p.curves[i].Mean(rate*d.Weights[i]), 1e-9)
		}
	}
}

// TestDemandAndUnrestDecide for which load the weights are solved: that of the
// window alone would spare the slow endpoints.
func TestDemandAndUnrestDecide(t *testing.T) {
	decided := func(change func(f *features.Frame)) float64 {
		f := frame(0, loaded(20, 80, 26, 24)...)
		change(f)
		return decide(t, Queueing(DefaultConfig()), f).Weights[0]
	}
	idle := decided(func(*features.Frame) {})
	if idle < 0.85 {
		t.Fatalf("at 20 of 130 requests/s the fast endpoint gets %v; want nearly all", idle)
	}
	busy := decide(t, Queueing(DefaultConfig()), frame(0, loaded(110, 80, 26, 24)...)).Weights[0]
	near(t, "its weight where 110 requests/s may come", decided(func(f *features.Frame) { f.Demand = 110 }), busy, 0.01)
	near(t, "its weight where no capacity lasts", decided(func(f *features.Frame) { f.Unrest = restless }), 80.0/130, 0.02)
	half := decided(func(f *features.Frame) { f.Unrest = restless / 2 })
	if !(half < idle && half > 80.0/130) {
		t.Errorf("with half of the unrest it gets %v, without %v", half, idle)
	}
	near(t, "its weight where less was in demand than comes", decided(func(f *features.Frame) { f.Demand = 1 }), idle, 1e-9)
	if w := decided(func(f *features.Frame) { f.Demand = 0; f.Unrest = math.Inf(1) }); math.Abs(w-80.0/130) > 0.02 {
		t.Errorf("with an unrest without end it gets %v", w)
	}
}
