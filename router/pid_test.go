package router

import (
	"errors"
	"math"
	"testing"
)

func robinhood(changes Values) Policy {
	return PID(defaults(pidParameters, changes), DefaultConfig())
}

// TestPIDStep by hand: utilizations 0.6 and 0.2 about their average 0.4 are 1.5
// and 0.5 of it, which is the set point of 1 ± 0.5.
func TestPIDStep(t *testing.T) {
	list := rows(2)
	for i, u := range []float64{0.6, 0.2} {
		list[i].utilization, list[i].inFlight = u, nan
	}
	p := robinhood(Values{"kp": 0.2, "ki": 0.1, "kd": 0, "low": 0})
	// Outputs −0.2·0.5 − 0.1·0.5 and the opposite.
	same(t, "first", decide(t, p, looking(0, list...)).Weights, 0.425, 0.575)
	same(t, "the same window again", decide(t, p, looking(0, list...)).Weights, 0.425, 0.575)
	// Integral 2·0.5: outputs ∓(0.1 + 0.1).
	first, second := 0.85*0.8, 1.15*1.2
	same(t, "second", decide(t, p, looking(1, list...)).Weights, first/(first+second), second/(first+second))
	p = robinhood(Values{"kp": 2, "step": 0.1})
	same(t, "no more than a step", decide(t, p, looking(0, list...)).Weights, 0.45, 0.55)
}

// TestPIDVeto: who waits for a disk uses no processor and has requests in flight.
func TestPIDVeto(t *testing.T) {
	list := rows(4)
	list[0].utilization, list[0].inFlight = 0.1, 30
	d := decide(t, robinhood(nil), looking(0, list...))
	if d.Weights[0] >= 0.25 {
		t.Errorf("the one that waits gets %v", d.Weights)
	}
	for i := range list {
		list[i].inFlight = nan
	}
	if d = decide(t, robinhood(nil), looking(0, list...)); d.Weights[0] <= 0.25 {
		t.Errorf("without in flight it looks idle, but gets %v", d.Weights)
	}
}

// TestPIDConverges on a plant whose utilizations are load over capacity, seen
// two windows later: to weights in proportion to the capacities.
func TestPIDConverges(t *testing.T) {
	capacities := []float64{20, 40, 60, 80, 200}
	p := robinhood(nil)
	var weights [][]float64
	list := rows(len(capacities))
	for k := range 200 {
		for i, c := range capacities {
			w := 0.2
			if k >= 3 {
				w = weights[k-3][i]
			}
			list[i].rate, list[i].inFlight = 240*w, nan
			list[i].utilization = min(240*w/c, 1)
		}
		d := decide(t, p, looking(k, list...))
		weights = append(weights, d.Clone().Weights)
	}
	for i, w := range weights[199] {
		near(t, list[i].name, w, capacities[i]/400, 0.002)
	}
}

func TestPIDClampsAndReturns(t *testing.T) {
	p := robinhood(nil)
	list := rows(3)
	list[0].utilization, list[0].inFlight = 0.01, 0 // idle, whatever it is sent
	var d Decision
	for k := range 100 {
		d = decide(t, p, looking(k, list...))
	}
	if most := 10.0 / (10 + 2*0.05); d.Weights[0] > most+1e-9 {
		t.Errorf("weights %v; want at most %v", d.Weights, most)
	}
	high := d.Weights[0]
	list[0] = list[0].silent()
	near(t, "while it does not report", decide(t, p, looking(100, list...)).Weights[0], high, 1e-3)
	list[0].up = 0
	near(t, "while it is down", decide(t, p, looking(101, list...)).Weights[0], 0, 0)
	list[0] = rows(1)[0]
	if w := decide(t, p, looking(102, list...)).Weights[0]; w > 1.0/3+0.01 { // the others have a history
		t.Errorf("back, it gets %v; want no more than the mean", w)
	}
}

func TestPIDDeclines(t *testing.T) {
	var d Decision
	p := robinhood(nil)
	silent := rows(2)
	silent[0], silent[1] = silent[0].silent(), silent[1].silent()
	if err := p.Decide(&d, looking(0, silent...)); !errors.Is(err, WarmUp) {
		t.Errorf("before any report: %v", err)
	}
	decide(t, p, looking(1, rows(2)...))
	decide(t, p, looking(4, silent...)) // 15 s old is not yet stale
	if err := p.Decide(&d, looking(5, silent...)); !errors.Is(err, Stale) {
		t.Errorf("after 20 s without a report: %v", err)
	}
	if math.Abs(decide(t, p, looking(6, rows(2)...)).Weights[0]-0.5) > 1e-9 {
		t.Error("and back")
	}
}
