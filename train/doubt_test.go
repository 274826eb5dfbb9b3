package train

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// TestEnsemble: members differ from each other, are the same again with the same
// seed, and leave the first network as it is without them.
func TestEnsemble(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 300, seed: 21}.set()
	cfg := quick()
	cfg.Epochs = 4
	alone, _ := fit(t, set, cfg)
	cfg.Members = 3
	m, r := fit(t, set, cfg)
	again, _ := fit(t, set, cfg)
	n := m.Routing
	if diff := cmp.Diff(alone.Routing.Layers, n.Layers); diff != "" {
		t.Errorf("the first network changed (-alone +in the ensemble)\n%s", diff)
	}
	if diff := cmp.Diff(n, again.Routing); diff != "" {
		t.Errorf("equal seeds, other ensembles\n%s", diff)
	}
	if len(n.Members) != 2 || len(r.Routing.Members) != 2 || cmp.Equal(n.Members[0], n.Members[1]) || cmp.Equal(n.Members[0], n.Layers) {
		t.Errorf("%d members, %+v", len(n.Members), r.Routing.Members)
	}
	if n.Mean != (float64(r.Routing.Together) < r.Routing.Course.least()) {
		t.Errorf("mean %v with losses %v together and %v alone", n.Mean, r.Routing.Together, r.Routing.Course.least())
	}
	if alone.Routing.Members != nil || alone.Routing.Mean || len(alone.Routing.Doubt.Spread) != 0 || len(n.Doubt.Spread) != 4 {
		t.Errorf("limits of the spread: %v alone, %v with members", alone.Routing.Doubt.Spread, n.Doubt.Spread)
	}
}

// TestGateOfAFit: what the model learned from it answers, and on a mesh whose
// latencies are in milliseconds, or whose inputs contradict each other, not.
func TestGateOfAFit(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 400, seed: 22}.set()
	cfg := quick()
	cfg.Epochs, cfg.Members = 3, 2
	m, r := fit(t, set, cfg)
	for part, c := range map[string]*Coverage{"validation": r.Routing.ValidationCoverage, "test": r.Routing.TestCoverage} {
		if c.Decisions < 40 || float64(c.Declined.Decisions) > 0.05*float64(c.Decisions) {
			t.Errorf("%s: %d of %d declined", part, c.Declined.Decisions, c.Decisions)
		}
	}
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	strange := func(spoil func(row []float32, at func(string) int)) predict.Doubt {
		later := world{service: "s", endpoints: 4, moments: 10, seed: 23}.set()
		moment := &later.Histories[0].Moments[9]
		for i := range moment.Endpoints {
			spoil(moment.row(i, len(later.Columns)), func(name string) int { return slices.Index(later.Columns, name) })
		}
		d, err := p.Doubt(later.frame(moment))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := strange(func([]float32, func(string) int) {}); d.Most() > 1 {
		t.Errorf("the same world: %+v", d)
	}
	if d := strange(func(row []float32, at func(string) int) { row[at("latency_ref_seconds")] *= 1000 }); !(d.Scale > 2) {
		t.Errorf("milliseconds: %+v", d)
	}
	// Requests in flight go with the load: both are usual, but not together.
	if d := strange(func(row []float32, at func(string) int) {
		row[at("load_now")], row[at("utilization")] = 0.2, 0.8
	}); d.Far != 0 || !(d.Distance > 1) {
		t.Errorf("contradicting: %+v", d)
	}
}

func TestDrawn(t *testing.T) {
	r := rows{in: 1, targets: 1, group: 1}
	timing := world{moments: 2, endpoints: 2}.set().Timing
	for k := range 60 {
		r.begin(0, epoch.Add(time.Duration(k)*20*time.Second), timing) // three to a minute
		if k/3 == 5 {
			continue // a stretch without rows
		}
		r.add([]float32{float32(k)}, []float32{float32(k)})
		r.from(nil, k)
	}
	if len(r.blocks) != 19 {
		t.Fatalf("%d stretches of 19 minutes with rows", len(r.blocks))
	}
	d := r.drawn(rand.New(rand.NewPCG(1, 1)))
	seen := map[float32]bool{}
	for i := 0; i < len(d.x); i += 3 {
		if d.x[i] != d.target[i] || d.origins[i].endpoint != int(d.x[i]) || math.Mod(float64(d.x[i]), 3) != 0 || d.x[i+2] != d.x[i]+2 {
			t.Fatalf("rows %v are no stretch of time", d.x[i:i+3])
		}
		seen[d.x[i]] = true
	}
	if len(d.x) != 57 || len(seen) < 9 || len(seen) > 15 {
		t.Errorf("%d rows of %d stretches; want 57, of about 12", len(d.x), len(seen))
	}
}

func TestWhitening(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	m := newMoments(3)
	var x []float32
	for range 4000 {
		a, b := float32(random.NormFloat64()), float32(random.NormFloat64())
		x = append(x, a, 0.5*a+0.05*b, 3)
	}
	m.add(x)
	whiten, err := m.whitening()
	if err != nil {
		t.Fatal(err)
	}
	mean := func(distances []float64, err error) float64 {
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, d := range distances {
			sum += d * d / float64(len(distances))
		}
		return sum
	}
	if got := mean(predict.Distances(whiten, x)); !(got > 0.3 && got < 0.7) {
		t.Errorf("mean square of usual rows %v; want about 2/3, a third of the values being constant", got)
	}
	with, against := mean(predict.Distances(whiten, []float32{2, 1, 3})), mean(predict.Distances(whiten, []float32{2, -1, 3}))
	if !(against > 10*with) {
		t.Errorf("against the correlation %v, with it %v", against, with)
	}
	if _, err := newMoments(2).whitening(); err == nil {
		t.Error("no rows, and no error")
	}
}

func TestUsualLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	draw := func(frames int) model.Limits {
		var u usual
		for range frames {
			u.add([]float64{math.Exp(random.NormFloat64()), math.Exp(random.NormFloat64()), math.Exp(random.NormFloat64())})
		}
		return u.limits()
	}
	for _, frames := range []int{60, 20_000} {
		l := draw(frames)
		// The 99.9 % quantiles of one, of the lesser of two, of the median of three.
		want := []float64{math.Exp(3.09), math.Exp(1.86), math.Exp(2.09)}
		if len(l) != 3 {
			t.Fatalf("%d frames: limits %v", frames, l)
		}
		for i := range want {
			if !(l[i] > want[i]/2 && l[i] < want[i]*3) {
				t.Errorf("%d frames, %d endpoints: limit %v, want about %v", frames, i+1, l[i], want[i])
			}
		}
	}
	if l := new(usual).limits(); l != nil {
		t.Errorf("nothing seen: %v", l)
	}
}

// decisions has a doubt for each risk, four decisions to a stretch of time.
func decisions(doubts, risks []float64) []doubted {
	var list []doubted
	for i := range risks {
		list = append(list, doubted{block: int64(i / 4), doubt: predict.Doubt{Spread: doubts[i]}, risk: risks[i], persistence: 1, saved: 0.01})
	}
	return list
}

func TestCoverage(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	risks, noise := make([]float64, 400), make([]float64, 400)
	opposite := make([]float64, len(risks))
	for i := range risks {
		risks[i], noise[i] = random.Float64(), random.Float64()
		opposite[i] = 1 - risks[i]
	}
	area := func(c *Coverage, name string) float64 {
		k := slices.IndexFunc(c.Curves, func(r RiskCurve) bool { return r.Name == name })
		return float64(c.Curves[k].Area)
	}
	right := coverageOf(decisions(risks, risks), random)
	if area(right, "doubt") != area(right, "hindsight") || !(right.Low > 0.2) || !(right.Gain > right.Low && right.Gain < right.High) {
		t.Errorf("doubt that knows the risk: %+v", right)
	}
	if math.Abs(area(right, "hindsight")-0.25) > 0.03 || math.Abs(area(right, "no order")-0.5) > 0.03 {
		t.Errorf("areas %v and %v; want 1/4 and 1/2", area(right, "hindsight"), area(right, "no order"))
	}
	first, last := right.Curves[0].Points[0], right.Curves[0].Points[coveragePoints-1]
	if first.Coverage != 0.05 || last.Coverage != 1 || math.Abs(float64(last.Risk)-area(right, "no order")) > 1e-9 || !(first.Risk < 0.05) {
		t.Errorf("points %v to %v", first, last)
	}
	if wrong := coverageOf(decisions(opposite, risks), random); !(wrong.High < -0.2) {
		t.Errorf("doubt that is wrong: %v, %v to %v", wrong.Gain, wrong.Low, wrong.High)
	}
	if none := coverageOf(decisions(noise, risks), random); !(none.Low < 0 && none.High > 0) {
		t.Errorf("doubt that is noise: %v, %v to %v", none.Gain, none.Low, none.High)
	}
	split := coverageOf(decisions([]float64{0.5, 1, 1.5, 3}, []float64{0.1, 0.3, 0.5, 0.7}), random)
	if split.Answered.Decisions != 2 || split.Declined.Decisions != 2 || math.Abs(float64(split.Answered.Risk)-0.2) > 1e-9 || math.Abs(float64(split.Declined.Risk)-0.6) > 1e-9 {
		t.Errorf("gate: %+v, %+v", split.Answered, split.Declined)
	}
	if !math.IsNaN(float64(split.Low)) {
		t.Errorf("an interval of one stretch of time: %v", split.Low)
	}
	if coverageOf(nil, random) != nil {
		t.Error("a curve of nothing")
	}
}

// TestLower: limits go down where the network's choices were surely dearer.
func TestLower(t *testing.T) {
	list := func(saved func(i int) float64) []doubted {
		var list []doubted
		for i := range 200 {
			list = append(list, doubted{block: int64(i % 40), doubt: predict.Doubt{Spread: float64(i) / 200}, saved: saved(i)})
		}
		return list
	}
	for name, c := range map[string]struct {
		saved     func(i int) float64
		low, high float64
	}{
		"all saves":         {func(int) float64 { return 0.01 }, 1, 1},
		"the tail is dear":  {func(i int) float64 { return map[bool]float64{true: -0.01 - 0.001*float64(i%3), false: 0.01}[i >= 180] }, 0.9, 0.98},
		"the tail is noise": {func(i int) float64 { return []float64{-0.01, 0.011}[i%2] }, 1, 1},
		"all is dear":       {func(i int) float64 { return -0.01 - 0.001*float64(i%3) }, 0.9, 0.905},
		"unknown":           {func(int) float64 { return math.NaN() }, 1, 1},
	} {
		limits, judged := model.Limits{2, 1}, list(c.saved)
		lower(limits, judged)
		if !(limits[1] >= c.low && limits[1] <= c.high) || math.Abs(limits[0]-2*limits[1]) > 1e-9 {
			t.Errorf("%s: limits %v; want 2 and 1 times %v to %v", name, limits, c.low, c.high)
		}
		if got, want := judged[100].doubt.Spread, 0.5/limits[1]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: a doubt of 0.5 became %v, want %v", name, got, want)
		}
	}
}

// TestFixedSharesOfManyMeshes: histories that call a service alike and differ in
// shares that never vary do not identify the load effect.
func TestFixedSharesOfManyMeshes(t *testing.T) {
	variation := func(fixed bool) float64 {
		var all *Set
		for k := range 4 {
			set := world{service: "s", endpoints: 2, moments: 60, seed: uint64(30 + k), fixed: fixed}.set()
			for i := range set.Histories[0].Moments {
				m := &set.Histories[0].Moments[i]
				m.After[0].Requests *= float64(1 + k)
			}
			if all == nil {
				all = set
				continue
			}
			all.Histories = append(all.Histories, set.Histories...)
		}
		return float64(servicesOf(all)[0].Variation)
	}
	if v := variation(true); !(v < leastVariation) {
		t.Errorf("fixed in each mesh: variation %v", v)
	}
	if v := variation(false); !(v > leastVariation) {
		t.Errorf("varied in each mesh: variation %v", v)
	}
}

func TestCover(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 24}.set()
	cfg := quick()
	cfg.Epochs = 2
	m, _ := fit(t, set, cfg)
	other := world{service: "other", endpoints: 5, moments: 80, seed: 25}.set()
	c, err := Cover(other, m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.Decisions != 80 {
		t.Errorf("%d decisions of 80", c.Decisions)
	}
	var b bytes.Buffer
	if err := c.WriteText(&b, "strangers"); err != nil || !strings.Contains(b.String(), "strangers: risk of the part answered") || !strings.Contains(b.String(), "by hindsight") {
		t.Errorf("%v\n%s", err, b.String())
	}
	other.Schema.Series[0].Query = "something else"
	if _, err := Cover(other, m, 1); err == nil || !strings.Contains(err.Error(), "was trained on schema") {
		t.Errorf("another schema: %v", err)
	}
	m.Routing = nil
	if _, err := Cover(set, m, 1); err == nil || !strings.Contains(err.Error(), "no outcome network") {
		t.Errorf("no network: %v", err)
	}
}

func TestMembersInRange(t *testing.T) {
	for members, ok := range map[int]bool{0: false, 1: true, 32: true, 33: false} {
		cfg := DefaultConfig()
		cfg.Members = members
		if err := cfg.Validate(); (err == nil) != ok {
			t.Errorf("%d members: %v", members, err)
		}
	}
}
