package predict

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// doubting is a random ensemble whose whitening brings uniform values from 0 to
// 1 to variance 1, but knows two columns to be always equal.
func doubting(rng *rand.Rand, members int) *model.Model {
	m := trained(rng, model.Outcome)
	n := m.Routing
	n.Scaler = scaler(len(n.Columns))
	for range members {
		n.Members = append(n.Members, layers(rng, 1, len(n.Columns), 32, 16, model.OutcomeOutputs))
	}
	width := len(n.Columns)
	whiten := model.Layer{In: width, Out: width, W: make([]float32, width*width), B: make([]float32, width)}
	for i := range width {
		whiten.W[i*width+i] = 1
	}
	whiten.W[0], whiten.W[1] = 10, -10
	n.Doubt = &model.Doubt{Whiten: whiten, Distance: model.Limits{2, 1.5}, Latency: model.Span{Low: 0.01, High: 0.11}, Capacity: model.Span{Low: 10, High: 100}}
	return m
}

// usualFrame has the first two columns of the network equal.
func usualFrame(rng *rand.Rand, m *model.Model, n int) *features.Frame {
	f := frame(rng, n)
	f.End = time.Unix(1000, 0)
	for i := range n {
		set(f, i, m.Routing.Columns[1], f.Row(i)[f.Column(m.Routing.Columns[0])])
	}
	return f
}

func doubtOf(t *testing.T, p *Predictor, f *features.Frame) Doubt {
	t.Helper()
	d, err := p.Doubt(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDistanceSeesJointNovelty: each value is usual, their coming together is not.
func TestDistanceSeesJointNovelty(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 14))
	m := doubting(rng, 0)
	p, f := compile(t, m), usualFrame(rng, m, 6)
	if d := doubtOf(t, p, f); !(d.Distance > 0 && d.Distance < 1) || d.Most() > 1 {
		t.Fatalf("usual: %+v", d)
	}
	apart := func(i int) {
		set(f, i, m.Routing.Columns[0], 0)
		set(f, i, m.Routing.Columns[1], 1)
	}
	for i := range 3 {
		apart(i)
	}
	if err := familiar(p, f); err != nil {
		t.Errorf("three of six: %v; want familiar, most are", err)
	}
	apart(3)
	if d := doubtOf(t, p, f); d.Far != 0 || !(d.Distance > 1) {
		t.Errorf("four of six: %+v; want only the distance above 1", d)
	}
	if err := familiar(p, f); !errors.Is(err, ErrUnfamiliar) || !strings.Contains(err.Error(), "as far from training") {
		t.Errorf("four of six: %v", err)
	}
}

func TestScaleSeesOtherUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 14))
	m := doubting(rng, 0)
	p, f := compile(t, m), usualFrame(rng, m, 5)
	for i, of := range []string{"two", "three"} {
		for k := range 2 + i {
			set(f, k, "latency_ref_seconds", 40) // milliseconds
		}
		err := familiar(p, f)
		if of == "two" && err != nil || of == "three" && (!errors.Is(err, ErrUnfamiliar) || !strings.Contains(err.Error(), "are the units right?")) {
			t.Errorf("%s of five in milliseconds: %v", of, err)
		}
	}
	f = usualFrame(rng, m, 2)
	set(f, 0, "capacity_rps", 300*0.99)
	set(f, 1, "capacity_rps", 500)
	if d := doubtOf(t, p, f); !(d.Scale > 0.99 && d.Scale < 1) {
		t.Errorf("nearly three times the capacity: %+v", d)
	}
	for i := range 2 {
		set(f, i, "capacity_rps", nan32)
		set(f, i, "latency_ref_seconds", nan32)
	}
	if d := doubtOf(t, p, f); d.Scale != 0 {
		t.Errorf("unknown: %+v", d)
	}
}

// TestDisagreement compares with the curves of models of one network each.
func TestDisagreement(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 14))
	m := doubting(rng, 2)
	p, f := compile(t, m), usualFrame(rng, m, 4)
	set(f, 3, "capacity_rps", nan32)
	got := make([]Spread, 4)
	if err := p.Disagreement(got, f); err != nil {
		t.Fatal(err)
	}
	all := append([][]model.Layer{m.Routing.Layers}, m.Routing.Members...)
	for i := range 3 {
		load := float64(f.Row(i)[f.Column("load_now")]) * float64(f.Row(i)[f.Column("capacity_rps")])
		want := 0.0
		for _, factor := range []float64{0.5, 1, 1.5} {
			var logs []float64
			for _, layers := range all {
				alone := *m
				routing := *m.Routing
				routing.Layers, routing.Members = layers, nil
				alone.Routing = &routing
				curves := make([]Curve, 4)
				if err := compile(t, &alone).Curves(curves, f, 1); err != nil {
					t.Fatal(err)
				}
				logs = append(logs, math.Log(curves[i].Mean(factor*load)))
			}
			mean := (logs[0] + logs[1] + logs[2]) / 3
			variance := 0.0
			for _, l := range logs {
				variance += (l - mean) * (l - mean) / 3
			}
			want = max(want, math.Sqrt(variance))
		}
		if math.Abs(got[i].Mean-want) > 1e-6 || !(got[i].Cost > 0) || !(got[i].Errors >= 0) {
			t.Errorf("endpoint %d: %+v; want a spread of the mean of %v", i, got[i], want)
		}
	}
	if s := got[3]; !math.IsNaN(s.Mean) || !math.IsNaN(s.Cost) || !math.IsNaN(s.Errors) {
		t.Errorf("no curve: %+v", s)
	}
	if d := doubtOf(t, p, f); d.Spread != 0 {
		t.Errorf("no limit: %+v", d)
	}
	m.Routing.Doubt.Spread = model.Limits{1, 1, 1e-9}
	p = compile(t, m)
	if err := p.Trust(&Gate{}, f); !errors.Is(err, ErrDisagree) {
		t.Errorf("beyond the limit: %v", err)
	}
	if err := familiar(p, f); err != nil {
		t.Errorf("the frame itself: %v", err)
	}
}

// TestMeanOfMembers: outputs are averaged before they get their meaning.
func TestMeanOfMembers(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 14))
	m := doubting(rng, 1)
	n := m.Routing
	bare := func(bias float32) []model.Layer {
		l := model.Layer{In: len(n.Columns), Out: model.OutcomeOutputs, W: make([]float32, len(n.Columns)*model.OutcomeOutputs), B: make([]float32, model.OutcomeOutputs)}
		for i := range l.B {
			l.B[i] = bias
		}
		return []model.Layer{l}
	}
	f := usualFrame(rng, m, 3)
	ask := func(mean bool, layers []model.Layer, members ...[]model.Layer) []Prediction {
		n.Layers, n.Members, n.Mean = layers, members, mean
		dst := make([]Prediction, 3)
		if err := compile(t, m).Predict(dst, f, nil); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	want, first := ask(false, bare(0.5)), ask(false, bare(-0.5))
	if got := ask(true, bare(-0.5), bare(1.5)); got[0].Mean != want[0].Mean || got[1].ErrorRatio != want[1].ErrorRatio {
		t.Errorf("mean of -0.5 and 1.5: %+v, want as of 0.5: %+v", got, want)
	}
	if got := ask(false, bare(-0.5), bare(1.5)); got[0].Mean != first[0].Mean {
		t.Errorf("the first alone: %+v, want %+v", got, first)
	}
}

func TestGate(t *testing.T) {
	frame := func(x float64) Doubt { return Doubt{Distance: x} }
	members := func(x float64) Doubt { return Doubt{Spread: x} }
	for name, c := range map[string]struct {
		doubts []Doubt
		shut   string // per window: - open, u unfamiliar, d disagreement
	}{
		"once is nothing":       {[]Doubt{frame(0.2), frame(1.4), frame(0.9), frame(1.4)}, "----"},
		"twice in a row":        {[]Doubt{frame(1.2), frame(1.2), frame(0.9)}, "-uu"},
		"great doubt":           {[]Doubt{frame(2.1), frame(0.1)}, "uu"},
		"three calm windows":    {[]Doubt{frame(3), frame(0.7), frame(0.7), frame(0.7), frame(0.7)}, "uuu--"},
		"not calm enough":       {[]Doubt{frame(3), frame(0.7), frame(0.7), frame(0.95), frame(0.7), frame(0.7), frame(0.7)}, "uuuuuu-"},
		"members":               {[]Doubt{members(3), frame(0.7), frame(1.5)}, "ddu"},
		"after it opened again": {[]Doubt{frame(3), {}, {}, {}, frame(1.5), frame(1.5)}, "uuu--u"},
	} {
		g, got := Gate{}, ""
		for k, d := range c.doubts {
			g.advance(time.Unix(int64(k), 0), d)
			g.advance(time.Unix(int64(k), 0), frame(100)) // the same window again
			got += map[[2]bool]string{{false, false}: "-", {true, false}: "u", {true, true}: "d", {false, true}: "-"}[[2]bool{g.Shut, g.Disagree}]
		}
		if got != c.shut {
			t.Errorf("%s: %s, want %s", name, got, c.shut)
		}
	}
}

// TestDoubtAllocatesNothing once its memory has grown.
func TestDoubtAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 14))
	m := doubting(rng, 2)
	m.Routing.Doubt.Spread = model.Limits{100}
	p, f, gate := compile(t, m), usualFrame(rng, m, 10), &Gate{}
	if n := testing.AllocsPerRun(100, func() {
		f.End = f.End.Add(time.Second)
		if err := p.Trust(gate, f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDoubtWithoutLimits: models from before there was a doubt are held against
// the range of each column alone.
func TestDoubtWithoutLimits(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 14))
	m := trained(rng, model.Softmax)
	p, f := compile(t, m), frame(rng, 3)
	if d := doubtOf(t, p, f); d != (Doubt{}) {
		t.Errorf("%+v", d)
	}
	for i := range f.X {
		f.X[i] = 50
	}
	f.End = time.Unix(1, 0)
	if err := p.Trust(&Gate{}, f); !errors.Is(err, ErrUnfamiliar) {
		t.Errorf("far: %v", err)
	}
}
