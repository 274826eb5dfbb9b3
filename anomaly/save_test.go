package anomaly

import (
	"bytes"
	"encoding"
	"math"
	"testing"
)

type saved interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// lives returns one of each kind that can be saved, with a past, and an empty
// one to restore it into.
func lives(t testing.TB) map[string][2]saved {
	condition, _ := seasoned(t, 3, 500)
	wide, narrow := NewDetector(3, DefaultConfig()), NewDetector(1, DefaultConfig())
	f := newFleet(4, 3)
	for k := range 300 {
		v := float64(k % 17)
		wide.Push(nil, math.NaN(), []float64{v, -v, math.NaN()})
		narrow.Push(nil, math.NaN(), []float64{v})
		f.draw()
		f.compare()
	}
	return map[string][2]saved{
		"correlation":  {condition.bonds, new(Correlation)},
		"condition":    {condition, new(Condition)},
		"peers":        {f.peers, new(Peers)},
		"peer":         {f.members[0], new(Peer)},
		"detector":     {wide, new(Detector)},
		"one metric":   {narrow, new(Detector)},
		"no metric":    {NewDetector(0, DefaultConfig()), new(Detector)},
		"fresh":        {NewDetector(5, DefaultConfig()), new(Detector)},
		"empty peers":  {NewPeers(0), new(Peers)},
		"single plane": {NewCorrelation(1, 2), new(Correlation)},
	}
}

func TestSavedAgain(t *testing.T) {
	for name, pair := range lives(t) {
		form, err := pair[0].MarshalBinary()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := pair[1].UnmarshalBinary(form); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := pair[1].MarshalBinary()
		if err != nil || !bytes.Equal(form, again) {
			t.Errorf("%s: saved again it differs (%v)", name, err)
		}
		for _, bad := range [][]byte{nil, form[:4], form[:len(form)-1], append(bytes.Clone(form), 0)} {
			if err := pair[1].UnmarshalBinary(bad); err == nil {
				t.Errorf("%s: %d of %d bytes were taken", name, len(bad), len(form))
			}
		}
		if kept, _ := pair[1].MarshalBinary(); !bytes.Equal(form, kept) {
			t.Errorf("%s: a form that was refused changed it", name)
		}
	}
}

// TestRestoredGoesOn: what was restored scores as what was saved.
func TestRestoredGoesOn(t *testing.T) {
	for _, metrics := range []int{1, 4} {
		d, values := NewDetector(metrics, DefaultConfig()), make([]float64, metrics)
		row := func(k int) []float64 {
			for m := range values {
				values[m] = math.Sin(float64(k * (m + 1)))
			}
			return values
		}
		for k := range 700 {
			d.Push(nil, float64(60*k), row(k))
		}
		d.Hold()
		form, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var other Detector
		if err := other.UnmarshalBinary(form); err != nil {
			t.Fatal(err)
		}
		for k := 700; k < 800; k++ {
			if a, b := d.Push(nil, float64(60*k), row(k*k)), other.Push(nil, float64(60*k), row(k*k)); a != b {
				t.Fatalf("%d metrics, row %d: %+v, restored %+v", metrics, k, a, b)
			}
		}
	}
}

// FuzzSaved: whatever the bytes, they are refused or give something that works.
func FuzzSaved(f *testing.F) {
	for _, pair := range lives(f) {
		form, err := pair[0].MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		var d Detector
		if d.UnmarshalBinary(form) == nil {
			width := 1
			if d.condition != nil {
				width = d.condition.Len()
			}
			useful(t, width, func(values []float64) Score { return d.Push(nil, math.NaN(), values) })
		}
		var c Condition
		if c.UnmarshalBinary(form) == nil {
			useful(t, c.Len(), func(values []float64) Score { return c.Push(nil, values, 30) })
		}
		var b Correlation
		if b.UnmarshalBinary(form) == nil {
			x := make([]float64, b.Len())
			for k := range 20 {
				for j := range x {
					x[j] = float64(k - j)
				}
				if share := b.Residual(make([]float64, b.Len()), x); !(share >= 0 && share <= 1) {
					t.Fatalf("share %v", share)
				}
				b.Learn(x, 100)
			}
		}
		var ps Peers
		var p Peer
		if ps.UnmarshalBinary(form) == nil {
			compareAll(t, &ps, ps.NewPeer())
		}
		if p.UnmarshalBinary(form) == nil {
			compareAll(t, NewPeers(len(p.metrics)), &p)
		}
	})
}

func useful(t *testing.T, width int, push func([]float64) Score) {
	values := make([]float64, width)
	for k := range 20 {
		for m := range values {
			values[m] = float64(k * (m - 2))
		}
		if s := push(values); !(s.Value >= 0 && s.Value <= 1) {
			t.Fatalf("score is %v", s.Value)
		}
	}
}

func compareAll(t *testing.T, ps *Peers, p *Peer) {
	other := ps.NewPeer()
	scores := make([]Score, 2)
	useful(t, 2*len(p.metrics), func(values []float64) Score {
		ps.Compare(nil, scores, []*Peer{p, other}, values, 30)
		return scores[0]
	})
}
