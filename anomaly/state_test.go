package anomaly

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func lived(n int) (*Tracker, *Trend) {
	r := rand.New(rand.NewPCG(1, 5))
	cfg := DefaultConfig()
	cfg.Golden = []int{0}
	tracker, trend := New(3, cfg), NewTrend(30)
	for k := range n {
		v := r.ExpFloat64()
		tracker.Push(nil, float64(k)*1200, []float64{v, 1, math.NaN()})
		trend.Push(5, v)
	}
	return tracker, trend
}

// TestSaved restores both and goes on as if nothing had happened.
func TestSaved(t *testing.T) {
	tracker, trend := lived(500)
	a, errA := tracker.MarshalBinary()
	b, errB := trend.MarshalBinary()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	var tracker2 Tracker
	var trend2 Trend
	if err := tracker2.UnmarshalBinary(a); err != nil {
		t.Fatal(err)
	}
	if err := trend2.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	for k := range 50 {
		v := []float64{float64(k), 2, 3}
		at := float64(500+k) * 1200
		if x, y := tracker.Push(nil, at, v), tracker2.Push(nil, at, v); x != y {
			t.Fatalf("value %d: %+v, restored %+v", k, x, y)
		}
		trend.Push(5, v[0])
		trend2.Push(5, v[0])
		if x, y := trend.Crossing(99, 60), trend2.Crossing(99, 60); x != y {
			t.Fatalf("value %d: crossing %v, restored %v", k, x, y)
		}
	}
}

func TestSavedRefused(t *testing.T) {
	tracker, trend := lived(100)
	a, _ := tracker.MarshalBinary()
	b, _ := trend.MarshalBinary()
	broken := func(saved []byte, at int, with ...byte) []byte {
		saved = bytes.Clone(saved)
		copy(saved[at:], with)
		return saved
	}
	infinite := []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}
	body := len(trackerMagic) + binary.Size(trackerHeader{})
	golden := body + 3*binary.Size(metric{})
	tests := map[string]struct {
		saved []byte
		want  string
	}{
		"nothing":                {nil, "begin"},
		"the other's":            {b, "begin"},
		"another version":        {broken(a, 7, 1), "version"},
		"header cut":             {a[:20], "header"},
		"cut":                    {a[:len(a)-1], "cut off"},
		"cut in the metrics":     {a[:golden-1], "need"},
		"followed":               {append(bytes.Clone(a), 0), "follow"},
		"more metrics than fit":  {broken(a, 8+8+8+4+4, 0xff, 0xff, 0xff, 0xff), "need"},
		"infinite alpha":         {broken(a, 8, infinite...), "alpha"},
		"infinite level":         {broken(a, body+8, infinite...), "level"},
		"golden out of place":    {broken(a, golden, 9), "golden"},
		"too many recalled":      {broken(a, golden+4, 0xff, 0xff), "at most"},
		"infinite recalled":      {broken(a, golden+8, infinite...), "value"},
		"hour of no day":         {broken(a, body+6*8+slots*16, 24), "hour"},
		"histogram out of count": {broken(a, body+6*8+binary.Size(season{})+4, 1, 0, 0, 0), "histogram"},
	}
	for name, test := range tests {
		var got Tracker
		if err := got.UnmarshalBinary(test.saved); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("tracker, %s: got %v, want %q", name, err, test.want)
		}
	}
	for name, saved := range map[string][]byte{
		"nothing": nil, "the other's": a, "cut": b[:len(b)-1], "followed": append(bytes.Clone(b), 0),
		"infinite sum": broken(b, 8+16, infinite...), "negative half-life": broken(b, 8+7, 0xc0),
	} {
		var got Trend
		if err := got.UnmarshalBinary(saved); err == nil || !strings.Contains(err.Error(), "trend") {
			t.Errorf("trend, %s: got %v", name, err)
		}
	}
}

// FuzzTracker restores anything at all: it is refused, or can be gone on with.
func FuzzTracker(f *testing.F) {
	for _, n := range []int{0, 40} {
		tracker, _ := lived(n)
		saved, err := tracker.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(saved)
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		var tracker Tracker
		if tracker.UnmarshalBinary(saved) != nil {
			return
		}
		if again, err := tracker.MarshalBinary(); err != nil || !bytes.Equal(again, saved) {
			t.Fatalf("%v; saved again it differs", err)
		}
		values := make([]float64, tracker.Len())
		for k := range 20 {
			for m := range values {
				values[m] = float64(k * m)
			}
			if s := tracker.Push(nil, float64(k)*3000, values); !(s.Value >= 0 && s.Value <= 1) {
				t.Fatalf("score is %v", s.Value)
			}
		}
	})
}

// FuzzTrend does the same for trends.
func FuzzTrend(f *testing.F) {
	for _, n := range []int{0, 1, 40} {
		_, trend := lived(n)
		saved, err := trend.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(saved)
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		var trend Trend
		if trend.UnmarshalBinary(saved) != nil {
			return
		}
		for k := range 20 {
			trend.Push(5, float64(k))
			if p := trend.Crossing(30, 30); p < 0 || p > 1 {
				t.Fatalf("crossing is %v", p)
			}
		}
	})
}
