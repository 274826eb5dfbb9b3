package predict

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestAdaptiveCovers: the failures come ever later than the model says, and yet
// the interval comes to hold eight of ten.
func TestAdaptiveCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	bins := seconds(10, 20, 30)
	logits := []float32{logit(0.2), logit(0.3), logit(0.4)}
	a := NewAdaptive([3]float64{0.1, 0.5, 0.9})
	inside, all := 0.0, 0.0
	const rounds = 8000
	for k := range rounds {
		var told [3]float64
		for i, q := range a.Levels() {
			told[i] = quantile(bins, logits, q)
		}
		u := math.Pow(rng.Float64(), 1/(1+2*float64(k)/rounds)) // drifts towards the end
		after := quantile(bins, logits, u)
		if k > rounds/4 {
			if all++; after >= told[0] && after <= told[2] {
				inside++
			}
		}
		a.Observe(told, after)
	}
	if part := inside / all; part < 0.77 || part > 0.83 {
		t.Errorf("%.3f of the failures are within the interval, want 0.8", part)
	}
	if l := a.Levels(); l[0] < 0.2 {
		t.Errorf("levels %v: they did not follow", l)
	}
}

func TestAdaptiveIgnoresWhatWasNotTold(t *testing.T) {
	a := NewAdaptive([3]float64{0.1, 0.5, 0.9})
	nan := math.NaN()
	a.Observe([3]float64{nan, nan, nan}, 3)
	a.Observe([3]float64{1, 2, 3}, nan)
	if a.Levels() != [3]float64{0.1, 0.5, 0.9} {
		t.Errorf("levels are %v", a.Levels())
	}
	for range 10_000 {
		a.Observe([3]float64{1, 2, 3}, 100)
	}
	if l := a.Levels(); l != [3]float64{1, 1, 1} {
		t.Errorf("what always comes later than was told leaves levels %v", l)
	}
}

func TestAdaptiveSaved(t *testing.T) {
	a := NewAdaptive([3]float64{0.1, 0.5, 0.9})
	a.Observe([3]float64{1, 2, 3}, 2.5)
	saved, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b := NewAdaptive([3]float64{})
	if err := b.UnmarshalBinary(saved); err != nil || b.Levels() != a.Levels() {
		t.Errorf("%v: %v, want %v", err, b.Levels(), a.Levels())
	}
	wrong := bytes.Clone(saved)
	wrong[7] = 0xff
	for _, bad := range [][]byte{nil, saved[:23], append(bytes.Clone(saved), 0), wrong} {
		if err := b.UnmarshalBinary(bad); err == nil || b.Levels() != a.Levels() {
			t.Errorf("%x was taken", bad)
		}
	}
}

func FuzzAdaptive(f *testing.F) {
	saved, _ := NewAdaptive([3]float64{0.1, 0.5, 0.9}).MarshalBinary()
	f.Add(saved)
	f.Fuzz(func(t *testing.T, saved []byte) {
		var a Adaptive
		if a.UnmarshalBinary(saved) != nil {
			return
		}
		a.Observe([3]float64{1, 2, 3}, 2)
		if l := a.Levels(); !(l[0] >= 0 && l[0] <= l[1] && l[1] <= l[2] && l[2] <= 1) {
			t.Errorf("levels %v", l)
		}
	})
}
