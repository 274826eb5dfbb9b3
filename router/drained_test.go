package router

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// TestHoldOut: of many drains the asked part is left alone, which the decision
// tells with its propensity; the same seed draws the same.
func TestHoldOut(t *testing.T) {
	cfg := DefaultConfig()
	cfg.HoldOut, cfg.Seed = 0.25, 7
	held, again := 0, 0
	for k := range 400 {
		fresh := func() Decision {
			f := frame(k, six()...)
			return decide(t, foretold(cfg, of(0.9, "c2")), f)
		}
		d, twin := fresh(), fresh()
		if diff := cmp.Diff(d.Drains, twin.Drains); diff != "" {
			t.Fatal(diff)
		}
		if d.Drains[1].HeldOut {
			held++
			near(t, "weight", d.Weights[1], 1.0/6, 1e-12)
			near(t, "propensity", d.Drains[1].Propensity, 0.25, 0)
			if !strings.Contains(strings.Join(d.Notes, ""), "c2 held out: failing 90 %") {
				t.Fatalf("notes %q", d.Notes)
			}
		} else {
			near(t, "propensity", d.Drains[1].Propensity, 0.75, 0)
		}
		cfg.Seed++
		if fresh().Drains[1].HeldOut {
			again++
		}
		cfg.Seed--
	}
	if held < 75 || held > 125 || again == held {
		t.Errorf("%d of 400 held out, with another seed %d; want about 100, and others", held, again)
	}
}

// TestDrainOfAModel drains by a failure network, as far as its calibration is
// sure, with the strangest metric in the reason.
func TestDrainOfAModel(t *testing.T) {
	m := uncorrected(t)
	cfg := DefaultConfig()
	cfg.ErrorThreshold = 0.9 // so that half of the requests failing is no reason by itself
	sure := model.Calibration{X: []float64{0, 1}, Y: []float64{0.01, 0.9}, Low: []float64{0, 0.8}, High: []float64{0.1, 1}}
	doubtful := sure
	doubtful.Low = []float64{0, 0.3}
	for _, c := range []struct {
		calibration model.Calibration
		drains      bool
	}{{sure, true}, {doubtful, false}, {model.Calibration{}, false}} {
		m.Failure.Calibration = c.calibration
		f := frame(0, with(4, func(s seen) seen { return s.failing(0.5) })...)
		f.Anomalies[4].Top = []features.Contribution{{Series: "memory", Surprise: 6}, {Series: "cpu", Surprise: 2}}
		d := decide(t, Eject(RoundRobin(), compiledModel(t, m), cfg), f)
		if got := d.Drains[4].Part > 0; got != c.drains || slices.Contains(d.Ejected, true) {
			t.Errorf("drains %+v, want %v; ejected %v", d.Drains, c.drains, d.Ejected)
		}
		if c.drains && d.Drains[4].Reason != "failing 90 % within 30 s, memory" {
			t.Errorf("reason %q", d.Drains[4].Reason)
		}
	}
	var none *predict.Predictor
	decide(t, Eject(RoundRobin(), none, cfg), frame(0, six()...)) // does not panic
}

// TestDrainIsRemembered over a restart.
func TestDrainIsRemembered(t *testing.T) {
	low := of(0.9, "c3")
	p := foretold(DefaultConfig(), low)
	run(t, p, times(2, six())...)
	saved, err := Save(p)
	if err != nil {
		t.Fatal(err)
	}
	p = foretold(DefaultConfig(), low)
	if err := Restore(p, saved); err != nil {
		t.Fatal(err)
	}
	near(t, "part", decide(t, p, frame(2, six()...)).Drains[2].Part, 1, 1e-9)
}
