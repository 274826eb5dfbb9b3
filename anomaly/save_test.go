package anomaly

import (
	"bytes"
	"encoding"
	"math"
	"math/rand/v2"
	"strings"
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
	gaps := NewCondition(3)
	f := newFleet(4, 3)
	detector := NewDetector(2, DefaultAlarmConfig())
	few, many := NewTable(2, DefaultAlarmConfig()), NewTable(fewMetrics+1, DefaultAlarmConfig())
	for k := range 300 {
		v := float64(k % 17)
		detector.Push(float64(k)*300, []float64{v, -v})
		few.Push(float64(k)*300, []float64{v, math.NaN()})
		many.Push(float64(k)*300, []float64{v, -v, v * v, 3, math.NaN()})
		gaps.Push(nil, []float64{v, -v, math.NaN()}, 30)
		f.draw()
		f.compare()
	}
	return map[string][2]saved{
		"correlation":  {condition.bonds, new(Correlation)},
		"condition":    {condition, new(Condition)},
		"peers":        {f.peers, new(Peers)},
		"peer":         {f.members[0], new(Peer)},
		"detector":     {detector, new(Detector)},
		"few metrics":  {few, new(Table)},
		"many metrics": {many, new(Table)},
		"empty table":  {NewTable(0, DefaultAlarmConfig()), new(Table)},
		"with gaps":    {gaps, new(Condition)},
		"one metric":   {NewCondition(1), new(Condition)},
		"no metric":    {NewCondition(0), new(Condition)},
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
	c, r := seasoned(t, 4, 700)
	c.Hold()
	form, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var other Condition
	if err := other.UnmarshalBinary(form); err != nil {
		t.Fatal(err)
	}
	values := make([]float64, 4)
	for k := range 500 {
		loads(r, values, k*k)
		if a, b := c.Push(nil, values, 30), other.Push(nil, values, 30); a != b {
			t.Fatalf("row %d: %+v, restored %+v", k, a, b)
		}
	}
}

// TestTableGoesOn restores tables, of few and many metrics, and goes on as if
// nothing had happened, through an alert and its rest.
func TestTableGoesOn(t *testing.T) {
	for _, metrics := range []int{1, fewMetrics, fewMetrics + 1} {
		r := rand.New(rand.NewPCG(4, uint64(metrics)))
		table := NewTable(metrics, DefaultAlarmConfig())
		values := make([]float64, metrics)
		next := func(shift float64) {
			for m := range values {
				values[m] = r.NormFloat64() + shift
			}
		}
		for k := range 400 {
			next(0)
			table.Push(float64(k)*300, values)
		}
		alerts := 0
		for k := 400; k < 500; k++ {
			form, err := table.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var other Table
			if err := other.UnmarshalBinary(form); err != nil {
				t.Fatal(err)
			}
			next(float64(k/450) * 8)
			a, b := table.Push(float64(k)*300, values), other.Push(float64(k)*300, values)
			if a != b {
				t.Fatalf("%d metrics, row %d: %+v, restored %+v", metrics, k, a, b)
			}
			if a.Alert {
				alerts++
			}
		}
		if metrics <= fewMetrics && alerts == 0 {
			t.Errorf("%d metrics: nothing rang", metrics)
		}
	}
}

// TestTableRefuses what is of the wrong width for what it holds, and alarms that
// never were.
func TestTableRefuses(t *testing.T) {
	wide, _ := NewDetector(fewMetrics+1, DefaultAlarmConfig()).MarshalBinary()
	slim, _ := NewCondition(fewMetrics).MarshalBinary()
	detector, _ := NewDetector(1, DefaultAlarmConfig()).MarshalBinary()
	deaf := bytes.Clone(detector)
	copy(deaf[len(detectorMagic)+16:], []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}) // NaN
	for name, test := range map[string]struct {
		form []byte
		want string
	}{
		"wide detector":  {wide, "5 metrics"},
		"slim condition": {slim, "4 metrics"},
		"deaf detector":  {deaf, "alarm"},
		"neither":        {[]byte("fwcorre\x01"), "condition"},
	} {
		var table Table
		err := table.UnmarshalBinary(append(bytes.Clone(tableMagic), test.form...))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
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
		var d Detector
		if d.UnmarshalBinary(form) == nil {
			judge(t, d.tracker.Len(), d.Push)
		}
		var table Table
		if table.UnmarshalBinary(form) == nil {
			judge(t, table.Len(), table.Push)
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

func judge(t *testing.T, width int, push func(float64, []float64) Verdict) {
	at := 0.0
	useful(t, width, func(values []float64) Score {
		at += 300
		return Score{Value: push(at, values).Score}
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
