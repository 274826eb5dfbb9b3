package router

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/predict"
)

// steadied is a learned policy whose network corrects as a test says.
func steadied(t *testing.T) *learned {
	t.Helper()
	return learnt(t).(*learned)
}

// window steadies corrections of each endpoint's level, capacity and stretch,
// logarithms, in the k-th window, and returns the curves and those of the formula.
func (l *learned) window(t *testing.T, k int, list []seen, corrections ...[3]float64) (got, plain []predict.Curve) {
	t.Helper()
	f := frame(k, list...)
	plain = make([]predict.Curve, len(list))
	if err := predict.NewFormula().Curves(plain, f); err != nil {
		t.Fatal(err)
	}
	l.curves = append(l.curves[:0], plain...)
	for i, x := range corrections {
		c := &l.curves[i]
		c.Level, c.Capacity, c.Stretch = c.Level*math.Exp(x[0]), c.Capacity*math.Exp(x[1]), c.Stretch*math.Exp(x[2])
	}
	if err := l.steady(f); err != nil {
		t.Fatal(err)
	}
	return l.curves, plain
}

func corrected(t *testing.T, what string, c, plain predict.Curve, want [3]float64) {
	t.Helper()
	near(t, what+": the level", math.Log(c.Level/plain.Level), want[0], 1e-9)
	near(t, what+": the capacity", math.Log(c.Capacity/plain.Capacity), want[1], 1e-9)
	near(t, what+": the stretch", math.Log(c.Stretch/plain.Stretch), want[2], 1e-9)
}

// TestSteady: of the corrections counts the mean over the windows, the first
// whole, each as much less than the next as the time constant says; per endpoint.
func TestSteady(t *testing.T) {
	l, list := steadied(t), six()[:2]
	keep := math.Exp(-1.0 / correctionWindows)
	got, plain := l.window(t, 0, list, [3]float64{0.3, -0.2, 0.1}, [3]float64{})
	corrected(t, "first", got[0], plain[0], [3]float64{0.3, -0.2, 0.1})
	corrected(t, "first of another", got[1], plain[1], [3]float64{})

	second := [3]float64{(0.3*keep - 0.6) / (1 + keep), (-0.2*keep + 0.3) / (1 + keep), 0.1}
	list[0] = list[0].slow(3) // the formula's own changes are followed at once
	got, plain = l.window(t, 1, list, [3]float64{-0.6, 0.3, 0.1}, [3]float64{})
	corrected(t, "second", got[0], plain[0], second)
	got, plain = l.window(t, 1, list, [3]float64{9, 9, 9}, [3]float64{9, 9, 9})
	corrected(t, "the same window again", got[0], plain[0], second)
	corrected(t, "the same window again, of another", got[1], plain[1], [3]float64{})

	for k := 2; k < 300; k++ { // noise that is as often above as below
		x := 0.5 * float64(1-2*(k%2))
		got, plain = l.window(t, k, list, [3]float64{0.2 + x, x, x}, [3]float64{})
	}
	near(t, "a level in noise", math.Log(got[0].Level/plain[0].Level), 0.2, 0.03)
	near(t, "noise alone", math.Log(got[0].Capacity/plain[0].Capacity), 0, 0.03)
}

// TestSteadyLeavesUnknownCurves as they are, and begins with an endpoint when
// something is known of it.
func TestSteadyLeavesUnknownCurves(t *testing.T) {
	l, list := steadied(t), six()[:2]
	list[1].capacity = nan
	for k := range 10 {
		got, _ := l.window(t, k, list, [3]float64{0.3, 0, 0})
		if got[1] != (predict.Curve{}) {
			t.Fatalf("window %d: an unknown curve became %+v", k, got[1])
		}
	}
	list[1].capacity = 100
	got, plain := l.window(t, 10, list, [3]float64{0.3, 0, 0}, [3]float64{-0.4, 0, 0})
	corrected(t, "new", got[1], plain[1], [3]float64{-0.4, 0, 0})
	corrected(t, "old", got[0], plain[0], [3]float64{0.3, 0, 0})
	// The network knows no curve where the formula does: none is made up.
	f := frame(11, list...)
	l.curves[1] = predict.Curve{}
	if err := l.steady(f); err != nil || l.curves[1] != (predict.Curve{}) {
		t.Errorf("%v; a curve that the network does not know became %+v", err, l.curves[1])
	}
	// One that is gone is forgotten.
	l.window(t, 12, list[:1], [3]float64{0.3, 0, 0})
	got, plain = l.window(t, 13, list, [3]float64{0.3, 0, 0}, [3]float64{0.1, 0, 0})
	corrected(t, "back", got[1], plain[1], [3]float64{0.1, 0, 0})
	f.Names = f.Names[:3]
	if err := l.steady(f); err == nil {
		t.Error("a frame without what curves are made of is no error")
	}
}

// TestSteadyIsSaved: the corrections go on after a restart as if there had been none.
func TestSteadyIsSaved(t *testing.T) {
	first, list := steadied(t), six()[:2]
	first.window(t, 0, list, [3]float64{0.3, -0.2, 0.1}, [3]float64{-0.1, 0, 0})
	saved, err := Save(first)
	if err != nil {
		t.Fatal(err)
	}
	second, fresh := steadied(t), steadied(t)
	if err := Restore(second, saved); err != nil {
		t.Fatal(err)
	}
	zero := [3]float64{}
	want, plain := first.window(t, 1, list, zero, zero)
	got, _ := second.window(t, 1, list, zero, zero)
	without, _ := fresh.window(t, 1, list, zero, zero)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("endpoint %d: restored %+v, want %+v", i, got[i], want[i])
		}
		corrected(t, "without a memory", without[i], plain[i], zero)
	}
	if math.Abs(math.Log(want[0].Level/plain[0].Level)) < 0.1 {
		t.Errorf("the correction before the restart is lost: %v", want[0].Level/plain[0].Level)
	}
	// What JSON can say and nobody saves.
	var parts []json.RawMessage
	if err := json.Unmarshal(saved, &parts); err != nil || len(parts) != 2 {
		t.Fatalf("%v: %d memories", err, len(parts))
	}
	for _, text := range []string{"null", `{"checkout": null}`, `{"checkout": {"ByName": null}}`, `{"checkout": {"ByName": {"c1": null}}}`, `{"checkout": {"ByName": {"c1": {"Level": 1, "Weight": -1}}}}`} {
		odd := steadied(t)
		if err := Restore(odd, []byte(`[{}, `+text+`]`)); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		decide(t, odd, frame(1, list...))
	}
}

// TestCorrectionsOfTheNetworkAreSmoothed: those of a real network, whose level
// follows an input that swings.
func TestCorrectionsOfTheNetworkAreSmoothed(t *testing.T) {
	m := uncorrected(t)
	m.Routing.Layers[0].W[predict.OutLevel] = 2
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	l := Learned(m, compiledModel(t, m), cfg).(*learned)
	raw := make([]predict.Curve, 2)
	var swings, smooth []float64
	for k := range 60 {
		list := six()[:2]
		for i := range list {
			list[i].errors = 0.3 * float64((k+i)%2)
		}
		f := frame(k, list...)
		decide(t, l, f)
		if err := l.predict.Curves(raw, f, cfg.Trust); err != nil {
			t.Fatal(err)
		}
		if k >= 30 {
			swings, smooth = append(swings, math.Log(raw[0].Level)), append(smooth, math.Log(l.curves[0].Level))
		}
	}
	apart := func(list []float64) (most float64) {
		for i := range list[1:] {
			most = max(most, math.Abs(list[i+1]-list[i]))
		}
		return most
	}
	t.Logf("from window to window the network's level moves by %.3f, the policy's by %.4f", apart(swings), apart(smooth))
	if apart(swings) < 0.05 || apart(smooth) > apart(swings)/10 {
		t.Errorf("the network's level moves by %v, the policy's by %v; want a tenth at most", apart(swings), apart(smooth))
	}
}
