package train

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

func TestLosses(t *testing.T) {
	c := came{forecast: forecast{0.1, 0.08, 0.2, 0.4, 0.25}, cost: 0.3, floors: forecast{0.5, 0, 0, 0, 0}, objective: mesh.DefaultObjective()}
	for _, one := range []struct {
		of   int
		by   scoring
		said float64
		want float64
	}{
		{ofMean, relative, 0.2, 0.1 / 0.5}, // by the floor, not by 0.1
		{ofP50, relative, 0.04, 0.5},
		{ofP90, logarithmic, 0.2 * math.E, 1},
		{ofP50, pinball, 0.06, 0.5 * 0.02}, {ofP50, pinball, 0.1, 0.5 * 0.02},
		{ofP90, pinball, 0.1, 0.9 * 0.1}, {ofP90, pinball, 0.3, 0.1 * 0.1},
		{ofP99, pinball, 0.3, 0.99 * 0.1}, {ofP99, pinball, 0.5, 0.01 * 0.1},
		{ofP90, below, 0.2, 1}, {ofP90, below, 0.19, 0},
		{ofErrors, brierScore, 0.25, 0.25*0.75*0.75 + 0.75*0.25*0.25}, {ofErrors, brierScore, 0, 0.25},
		{ofErrors, logLoss, 0.25, -0.25*math.Log(0.25) - 0.75*math.Log(0.75)},
		{ofErrors, logLoss, 0, -0.25*math.Log(surest) - 0.75*math.Log(1-surest)}, // and not infinite
		{ofP90, logarithmic, 0, math.NaN()}, {ofP99, pinball, math.NaN(), math.NaN()},
	} {
		var f forecast
		f[one.of] = one.said
		got := score{one.of, one.by}.loss(&f, &c)
		if math.Abs(got-one.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(one.want) {
			t.Errorf("%s, %s of %v: %v; want %v", quantityNames[one.of], scoringNames[one.by], one.said, got, one.want)
		}
	}
	f := forecast{ofMean: 0.1, ofErrors: math.NaN()}
	if got := (score{ofCost, absolute}).loss(&f, &c); math.Abs(got-0.2) > 1e-12 {
		t.Errorf("cost: off by %v; want 0.2, unknown errors being none", got)
	}
}

// TestPast: persistence is the last known value, a moving average halves what
// it misses in a half-life, and idle windows count as time.
func TestPast(t *testing.T) {
	const step = 5 * time.Second
	nan := math.NaN()
	p := newPast(epoch)
	average := func(half int) float64 { k := p.known(epoch); return k.smoothed(half)[ofMean] }
	if !math.IsNaN(average(1)) {
		t.Error("an average of nothing is known")
	}
	seen := func(mean float64) *Seen { return &Seen{Mean: mean, P50: nan, P90: nan, P99: nan, ErrorRatio: nan} }
	p.push(epoch, seen(1), step)
	p.push(epoch.Add(step), seen(2), step)
	half := 1 // one step
	if halfLives[half] != 1 {
		t.Fatal("the second half-life is not one step")
	}
	if got := average(half); got != 1.5 {
		t.Errorf("one half-life after a step from 1 to 2: %v; want 1.5", got)
	}
	p.push(epoch.Add(2*step), seen(nan), step)
	if p.last[ofMean] != 2 || average(half) != 1.5 {
		t.Errorf("an idle window changed what is known: %v, %v", p.last[ofMean], average(half))
	}
	p.push(epoch.Add(3*step), seen(2), step)
	if got := average(half); got != 1.875 {
		t.Errorf("two more half-lives: %v; want 1.875", got)
	}
	if !math.IsNaN(p.last[ofP99]) {
		t.Error("a p99 that was never seen is known")
	}
}

// TestJudgedAgainstRivals: in a world whose latency is the load's doing, the
// network that is told the load is far better than persistence, and hardly
// better when it is not told. All scores are there, in all parts.
func TestJudgedAgainstRivals(t *testing.T) {
	set := world{service: "shop", endpoints: 4, moments: 1500, seed: 5, failures: true}.set()
	set.Histories[0].Log = logOf(set, nil)
	_, r := fit(t, set, quick())
	e := r.Routing.Test.Errors
	mean := e.find(ofMean, relative, byWindows)
	if gain := mean.Rivals[rivalPersistence].Gain; !(gain.Low95 > 0) {
		t.Errorf("MAPE of the mean %.3f; persistence is worse by %+v; want surely", float64(mean.Rivals[rivalNetwork].Loss), gain)
	}
	if told, untold := mean.Rivals[rivalNetwork].Loss, mean.Rivals[rivalSameLoad].Loss; told > 0.8*untold {
		t.Errorf("MAPE %.3f with the load and %.3f without; want much less", float64(told), float64(untold))
	}
	if r.Routing.Test.Mean != e.find(ofMean, logarithmic, byWindows).Rivals[rivalNetwork].Loss {
		t.Error("the judgement's log-RMSE is not that of its errors")
	}
	if want := len(scores) - 3 + 3; len(e.Scores) != want || len(e.Coverage) != 6 || !e.Logged {
		t.Errorf("%d scores, %d coverages, log %v; want %d, 6, true", len(e.Scores), len(e.Coverage), e.Logged, want)
	}
	for _, s := range e.Scores {
		if len(s.Rivals) != rivals || s.Windows == 0 {
			t.Errorf("%s: %d rivals of %d", s.Title(), len(s.Rivals), s.Windows)
		}
		if hl := s.Rivals[rivalEWMA].HalfLife; hl < 2.5 || hl > 160 {
			t.Errorf("%s: half-life %v s", s.Title(), hl)
		}
	}
	share := 0.0
	for _, d := range e.Deciles {
		share += float64(d.Windows)
		if ratio := float64(d.Came.Value / d.Predicted); ratio < 0.8 || ratio > 1.25 {
			t.Errorf("where %.4f was predicted %.4f came", float64(d.Predicted), float64(d.Came.Value))
		}
	}
	if len(e.Deciles) < 8 || share != float64(e.Windows) {
		t.Errorf("%d deciles of %v windows; want about ten of all %d", len(e.Deciles), share, e.Windows)
	}
	checkRegimes(t, e)
	checkImportance(t, r.Routing.Validation.Errors.Importance)
}

func checkRegimes(t *testing.T, e *Errors) {
	t.Helper()
	counts := map[string]int{}
	for _, r := range e.Regimes {
		counts[r.By] += r.Windows
		if len(r.Scores) != len(regimeScores) {
			t.Errorf("%s: %d scores; want %d", r.Title(), len(r.Scores), len(regimeScores))
		}
	}
	for _, by := range regimeKinds {
		if counts[by] != e.Windows {
			t.Errorf("by %s there are %d windows; want all %d", by, counts[by], e.Windows)
		}
	}
}

// checkImportance: the load is what counts, noise is worth nothing.
func checkImportance(t *testing.T, list []Importance) {
	t.Helper()
	if len(list) < 3 || list[0].Inputs[0] != loadThatComes {
		t.Fatalf("importance %+v; want the load that came first", list)
	}
	seen := map[string]bool{}
	for _, one := range list {
		for _, name := range one.Inputs {
			if seen[name] {
				t.Errorf("%s is in two groups", name)
			}
			seen[name] = true
		}
		if one.Inputs[0] == "latency_trend" && float64(one.Mean[0]) > 0.1*float64(list[0].Mean[0]) {
			t.Errorf("noise is worth %v of %v", one.Mean, list[0].Mean)
		}
	}
	if !seen["utilization"] || !seen["load_now"] {
		t.Errorf("inputs are missing: %v", seen)
	}
}

// logOf makes a log of the world: after each decision, requests at every
// hundredth of an exponential's quantiles. fail, if any, ends it.
func logOf(set *Set, fail error) func(yield func(datasets.Request, error) bool) {
	return func(yield func(datasets.Request, error) bool) {
		for i := range set.Histories[0].Moments {
			m := &set.Histories[0].Moments[i]
			for k, name := range m.Endpoints {
				for q := range 20 {
					latency := -m.After[k].Mean * math.Log(1-(float64(q)+0.5)/20)
					r := datasets.Request{Time: m.Time.Add(time.Duration(q+1) * 200 * time.Millisecond), Service: m.Service, Endpoint: name,
						Latency: time.Duration(latency * float64(time.Second)), Status: 200}
					if q == 7 {
						r.Status, r.Latency = 503, time.Hour // a failure says nothing of latency
					}
					if !yield(r, nil) {
						return
					}
				}
			}
			if fail != nil && i > 100 {
				yield(datasets.Request{}, fail)
				return
			}
		}
	}
}
