package router

import (
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
)

// TestCarried: under the window's load of 150 until a decision, then under its own.
func TestCarried(t *testing.T) {
	c := &predict.Curve{Known: true, Now: 150, Queue: features.Queue{Capacity: 100}}
	at := func(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }
	decided := func(s float64, weight float64) inForce {
		return inForce{at(s), map[string]float64{"a": weight}}
	}
	for name, test := range map[string]struct {
		decided []inForce
		want    float64
	}{
		"none":                     {nil, 50 + 50*10},
		"one in between":           {[]inForce{decided(4, 0.5)}, 50 + 50*4 - 20*6},
		"one of before the middle": {[]inForce{decided(-20, 0.5)}, 0},
		"two, the later counts":    {[]inForce{decided(-20, 1), decided(5, 0.5)}, 50 + 60*5 - 20*5},
		"one that has yet to come": {[]inForce{decided(10, 0)}, 50 + 50*10},
		"one that left it out":     {[]inForce{{at(0), map[string]float64{"b": 1}}}, 0},
	} {
		near(t, name, carried(c, 50, 160, "a", test.decided, at(0), at(10)), test.want, 1e-9)
	}
}

// TestCourse keeps the newest decisions, each with its own weights.
func TestCourse(t *testing.T) {
	c := &Course{}
	for k := range courseDecisions + 3 {
		d := decide(t, RoundRobin(), frame(k, six()...))
		d.Weights[0] = float64(k)
		c.Applied(&d)
	}
	all := c.of("checkout")
	if len(all) != courseDecisions {
		t.Fatalf("%d decisions are kept", len(all))
	}
	for i, d := range all {
		if k := i + 3; d.Weights["c1"] != float64(k) || !d.From.Equal(frame(k).Time) || len(d.Weights) != 6 {
			t.Errorf("decision %d: %+v", k, d)
		}
	}
	if len(c.of("cart")) != 0 {
		t.Error("another service has decisions")
	}
	var none *Course
	d := decide(t, RoundRobin(), frame(0, six()...))
	none.Applied(&d)
	if none.of("checkout") != nil {
		t.Error("a nil course is not empty")
	}
}

// TestDoesNotCorrectTwice: while the metrics do not show what a decision did, the
// next one reckons with it; where nobody acts on decisions it cannot.
func TestDoesNotCorrectTwice(t *testing.T) {
	shown := func(k int) *features.Frame {
		a, b := well("a", ""), well("b", "")
		a.rate, a.capacity, a.inFlight, a.mean = 90, 50, 300, 1
		b.rate, b.capacity, b.inFlight, b.mean = 95, 100, 9, 0.1
		f := frame(k, a, b)
		f.Delay = f.Time.Sub(f.End)
		return f
	}
	weights := map[bool][]float64{}
	for _, acted := range []bool{false, true} {
		p, err := Named("queueing", nil, nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			d := decide(t, p, shown(k))
			weights[acted] = append(weights[acted], d.Weights[1])
			if acted {
				p.(interface{ Applied(*Decision) }).Applied(&d)
			}
		}
	}
	still, moving := weights[false], weights[true]
	if still[0] != moving[0] || still[0] != still[2] || !(still[0]*185 > 110) {
		t.Fatalf("without acting %v, acting %v", still, moving)
	}
	for k := 1; k < 3; k++ {
		if moving[k] > still[k]-0.02 {
			t.Errorf("decision %d: %v, where nothing is in force %v", k, moving[k], still[k])
		}
	}
}
