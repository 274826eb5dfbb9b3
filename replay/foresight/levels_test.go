package foresight

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// TestChoose chooses between thresholds of which one announces all with a
// precision of one half, and one half of them with a precision of one.
func TestChoose(t *testing.T) {
	c := newCalibration()
	c.incidents[datasets.Ramp], c.incidents[datasets.Sudden] = 4, 100
	for j := range thresholds {
		switch {
		case choices[j] < 0.3:
			c.right[j], c.wrong[j], c.catch(datasets.Ramp)[j] = 400, 400, 4
		case choices[j] < 0.7:
			c.right[j], c.wrong[j], c.catch(datasets.Ramp)[j] = 200, 0, 2
		}
	}
	for _, one := range []struct {
		asked, low, high, recall float64
		held                     bool
	}{
		{0.45, 0, 0.3, 1, true},
		{0.5, 0.3, 0.7, 0.5, true}, // one half was reached, but not surely
		{0.6, 0.3, 0.7, 0.5, true},
	} {
		got := c.choose(one.asked)
		if got.Threshold < one.low || got.Threshold >= one.high || got.Recall != one.recall || got.Held != one.held {
			t.Errorf("asked for %v: %+v", one.asked, got)
		}
	}
	for j := range thresholds { // nobody is precise: the best F1
		c.wrong[j] = 3 * c.right[j]
	}
	if got := c.choose(0.6); got.Held || got.Recall != 1 || got.Precision != 0.25 {
		t.Errorf("where none holds: %+v", got)
	}
	if got := newCalibration().choose(0.5); got.Threshold <= 1 {
		t.Errorf("who never alarms is given the threshold %v", got.Threshold)
	}
}

// TestSurely holds the bound against Wilson's interval of 8 of 10, and of none.
func TestSurely(t *testing.T) {
	near(t, "8 of 10", finding.Number(math.Round(surely(8, 10)*1000)), 541)
	near(t, "0 of 10", finding.Number(surely(0, 10)), 0)
	if surely(400, 400) > 1 || surely(400, 400) < 0.99 {
		t.Errorf("all of 400: %v", surely(400, 400))
	}
}

func TestTargets(t *testing.T) {
	c := newCalibration()
	c.incidents[datasets.Sudden] = 3
	if got := c.target(); len(got) != 1 || got[0] != datasets.Sudden {
		t.Errorf("without ramps it is chosen by %v", got)
	}
}

// TestMapping: frequencies by hand, and never against the order.
func TestMapping(t *testing.T) {
	c := newCalibration()
	put := func(score, n, failed float64) {
		c.n[cell(score)] += n
		c.failed[cell(score)] += failed
	}
	put(0.1, 899, 0)
	put(0.5, 50, 30) // is out of order, and shares with the next
	put(0.9, 50, 20)
	m := c.mapping()
	base := 50 / 999.0
	near(t, "of 0.1", finding.Number(m[cell(0.1)]), base/900)
	near(t, "of 0.5", finding.Number(m[cell(0.5)]), (50+base)/101)
	near(t, "of 0.9", finding.Number(m[cell(0.9)]), (50+base)/101)
	for i := 1; i < cells; i++ {
		if m[i] < m[i-1] {
			t.Fatalf("the probability falls from %v to %v at cell %d", m[i-1], m[i], i)
		}
	}
	if p := newCalibration().mapping()[7]; p != 0 {
		t.Errorf("of nothing: %v", p)
	}
}

func TestCells(t *testing.T) {
	for _, score := range []float64{math.NaN(), -1, 0} {
		if cell(score) != 0 {
			t.Errorf("%v lies in %d", score, cell(score))
		}
	}
	for _, score := range []float64{1, 2, math.Inf(1)} {
		if got := cell(score); got != cells-1 && score == 1 {
			t.Errorf("%v lies in %d", score, got)
		}
	}
	for i := 1; i < thresholds; i++ {
		if above := choices[i] + 0.001*choices[i]*(1-choices[i]); cell(above) != 2*i {
			t.Errorf("threshold %d lies in cell %d", i, cell(above))
		}
	}
}

// TestCalibrating tallies a story at every threshold: the scores are 0.1, and
// 0.9 for 40 s before one of two failures and once for nothing.
func TestCalibrating(t *testing.T) {
	s := (&story{end: 2000, outages: []outage{{"a", 500, 530}, {"b", 1500, 1530}}, says: []func(string, float64) Forecast{
		func(e string, s float64) Forecast {
			if e == "a" && s >= 460 && s < 500 || e == "b" && s == 1000 {
				return said(0.9)
			}
			return said(0.1)
		},
	}}).ramps()
	cfg := DefaultConfig(60e9)
	c := newCalibrating(&cfg, 1)
	w := s.tell(c.row)
	got := c.finish(w)[0]
	high := thresholds/2 + 8 // 0.73
	if got.right[high] != 1 || got.wrong[high] != 1 || got.catch(datasets.Ramp)[high] != 1 || got.incidents[datasets.Ramp] != 2 {
		t.Errorf("at %.2f: %v right, %v wrong, %v of %v announced", choices[high], got.right[high], got.wrong[high], got.catch(datasets.Ramp)[high], got.incidents[datasets.Ramp])
	}
	if got.catch(datasets.Ramp)[0] != 2 || got.wrong[0] < 50 {
		t.Errorf("who always alarms announced %v, with %v wrong", got.catch(datasets.Ramp)[0], got.wrong[0])
	}
	near(t, "decisions of 0.9", finding.Number(got.n[cell(0.9)]), 9)
	near(t, "of which failed", finding.Number(got.failed[cell(0.9)]), 8)
	twice := newCalibration()
	twice.add(got)
	twice.add(got)
	if twice.incidents[datasets.Ramp] != 4 || twice.catch(datasets.Ramp)[high] != 2 || twice.right[high] != 2 {
		t.Errorf("twice the same: %v, %v", twice.incidents, twice.right[high])
	}
}
