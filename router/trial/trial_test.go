package trial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

var schema = &mesh.Schema{Name: "test", Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: mesh.ErrorRatio}, {Name: mesh.LatencyMean}}}

// began is when trials begin here.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// scene is a service whose endpoints take as long as they take, whoever asks.
type scene struct {
	service  string
	step     time.Duration
	span     time.Duration // of windows
	delay    time.Duration
	rate     float64   // requests per second, all of them
	latency  []float64 // seconds, of each endpoint; NaN: it is in no metrics
	failed   []float64
	former   mesh.Weights
	tried    mesh.Weights
	overload float64 // latency grows by this × an endpoint's part of the load
	rng      *rand.Rand
}

func newScene(former, tried mesh.Weights, latency ...float64) *scene {
	return &scene{service: "s", step: 5 * time.Second, span: 10 * time.Second, delay: 2 * time.Second, rate: 200,
		latency: latency, failed: make([]float64, len(latency)), former: former, tried: tried, rng: rand.New(rand.NewPCG(1, 2))}
}

func (s *scene) endpoints() []mesh.Endpoint {
	var all []mesh.Endpoint
	for i := range s.latency {
		all = append(all, mesh.Endpoint{Name: string(rune('a' + i))})
	}
	return all
}

// window is what is seen at now, of requests whose latencies spread exponentially.
func (s *scene) window(now time.Time, share float64) *mesh.Window {
	w := &mesh.Window{Service: s.service, Time: now, End: now.Add(-s.delay), Start: now.Add(-s.delay - s.span), Schema: schema, Endpoints: s.endpoints()}
	for i := range s.latency {
		part := share*s.tried[i] + (1-share)*s.former[i]
		n := math.Round(s.rate * s.span.Seconds() * part)
		if math.IsNaN(s.latency[i]) {
			n = 0
		}
		mean := s.latency[i] + s.overload*part
		if n > 0 {
			mean *= 1 + s.rng.NormFloat64()/math.Sqrt(n)
		}
		if n == 0 {
			mean = math.NaN()
		}
		w.Values = append(w.Values, n/s.span.Seconds(), s.failed[i], max(mean, 1e-4))
		w.Requests = append(w.Requests, n)
	}
	return w
}

// play runs a trial over scenes until it ends or time is up; each is called before a
// round.
func play(cfg Config, length time.Duration, each func(since time.Duration, share float64), scenes ...*scene) (Verdict, time.Duration) {
	t := New(cfg, began)
	for _, s := range scenes {
		t.InForce(began, s.service, s.endpoints(), s.former, s.tried)
	}
	v := Verdict{Share: cfg.Share}
	for since := scenes[0].step; since <= length; since += scenes[0].step {
		now := began.Add(since)
		if each != nil {
			each(since, v.Share)
		}
		for _, s := range scenes {
			t.Observe(s.window(now, v.Share))
			t.InForce(now, s.service, s.endpoints(), s.former, s.tried)
		}
		if v = t.Judge(now); v.Step != GoOn {
			return v, since
		}
	}
	return v, length
}

func TestTheSameLineIsAdopted(t *testing.T) {
	w := mesh.Weights{0.5, 0.3, 0.2}
	v, after := play(DefaultConfig(), time.Hour, nil, newScene(w, w, 0.02, 0.05, 0.2))
	if v.Step != Adopt || v.Reason != Passed || v.All.Difference != 0 {
		t.Errorf("%v after %v: %v; want it adopted, with no difference at all", v.Step, after, v.Why)
	}
	if least := DefaultConfig().Canary + DefaultConfig().Probation; after < least {
		t.Errorf("adopted after %v; want %v at least", after, least)
	}
}

func TestInvertedWeightsTakeFourWindows(t *testing.T) {
	for _, step := range []time.Duration{5 * time.Second, 15 * time.Second} {
		s := newScene(mesh.Weights{0.5, 0.3, 0.15, 0.05}, mesh.Weights{0.06, 0.1, 0.21, 0.63}, 0.02, 0.03, 0.06, 0.2)
		s.step, s.span = step, step
		v, after := play(DefaultConfig(), time.Hour, nil, s)
		if v.Step != RollBack || v.Reason != Worse || v.Worst.Windows > 4 {
			t.Errorf("windows every %v: %v after %v, %d windows: %v", step, v.Step, after, v.Worst.Windows, v.Why)
		}
		if !strings.Contains(v.Why, "ms with the former") {
			t.Errorf("says only %q", v.Why)
		}
	}
}

func TestSlowDownOfAllIsNotBlamed(t *testing.T) {
	a, b := mesh.Weights{0.5, 0.3, 0.2}, mesh.Weights{0.45, 0.33, 0.22}
	s := newScene(a, b, 0.02, 0.03, 0.06)
	v, _ := play(DefaultConfig(), time.Hour, func(since time.Duration, _ float64) {
		if since == 20*time.Second {
			for i := range s.latency {
				s.latency[i] *= 3
			}
		}
	}, s)
	if v.Step != Adopt || v.Reason != Passed {
		t.Errorf("%v: %v; want it adopted", v.Step, v.Why)
	}
}

func TestBadChangeIsFoundInASlowDown(t *testing.T) {
	s := newScene(mesh.Weights{0.5, 0.3, 0.15, 0.05}, mesh.Weights{0.06, 0.1, 0.21, 0.63}, 0.02, 0.03, 0.06, 0.2)
	v, after := play(DefaultConfig(), time.Hour, func(since time.Duration, _ float64) {
		if since == 10*time.Second {
			for i := range s.latency {
				s.latency[i] *= 3
			}
		}
	}, s)
	if v.Step != RollBack || after > time.Minute {
		t.Errorf("%v after %v: %v; want it rolled back within a minute", v.Step, after, v.Why)
	}
}

// A line that fits an endpoint's spare capacity at a tenth of the requests is too
// much for it at nine tenths.
func TestOverloadIsFoundInProbation(t *testing.T) {
	s := newScene(mesh.Weights{0.34, 0.33, 0.33}, mesh.Weights{0.98, 0.01, 0.01}, 0.02, 0.03, 0.03)
	raised := time.Duration(0)
	v, after := play(DefaultConfig(), time.Hour, func(since time.Duration, share float64) {
		if s.latency[0] = 0.02; share > 0.5 {
			s.latency[0] = 0.4
			if raised == 0 {
				raised = since
			}
		}
	}, s)
	if v.Step != RollBack || raised == 0 || after-raised > 45*time.Second {
		t.Errorf("%v after %v, raised at %v: %v", v.Step, after, raised, v.Why)
	}
}

// Both lines turn away from an endpoint that dies, the one that liked it better too.
func TestEndpointThatDiesIsNotBlamed(t *testing.T) {
	s := newScene(mesh.Weights{0.3, 0.3, 0.4}, mesh.Weights{0.45, 0.25, 0.3}, 0.03, 0.03, 0.03)
	v, _ := play(DefaultConfig(), time.Hour, func(since time.Duration, _ float64) {
		switch since {
		case time.Minute:
			s.failed[0] = 1
		case time.Minute + 10*time.Second:
			s.former, s.tried = mesh.Weights{0, 0.43, 0.57}, mesh.Weights{0, 0.45, 0.55}
		}
	}, s)
	if v.Step != Adopt {
		t.Errorf("%v: %v; want it adopted", v.Step, v.Why)
	}
}

func TestOneServiceOfManyIsSeen(t *testing.T) {
	w := mesh.Weights{0.5, 0.3, 0.2}
	var scenes []*scene
	for i := range 100 {
		s := newScene(w, w, 0.02, 0.03, 0.06)
		s.service = fmt.Sprintf("s%02d", i)
		scenes = append(scenes, s)
	}
	hurt := scenes[42]
	hurt.tried, hurt.latency = mesh.Weights{0.1, 0.2, 0.7}, []float64{0.02, 0.03, 0.3}
	v, after := play(DefaultConfig(), time.Hour, nil, scenes...)
	if v.Step != RollBack || v.Worst.Service != "s42" || after > time.Minute {
		t.Errorf("%v after %v, worst %s: %v; want it rolled back for s42 within a minute", v.Step, after, v.Worst.Service, v.Why)
	}
	if !strings.Contains(v.Why, "s42") {
		t.Errorf("why does not name the service: %s", v.Why)
	}
}

// A little harm everywhere is seen in all requests together before it is in any service.
func TestALittleHarmEverywhereIsSeen(t *testing.T) {
	var scenes []*scene
	for i := range 20 {
		s := newScene(mesh.Weights{0.6, 0.4}, mesh.Weights{0.3, 0.7}, 0.03, 0.06)
		s.service, s.rate = fmt.Sprintf("s%02d", i), 20
		scenes = append(scenes, s)
	}
	v, after := play(DefaultConfig(), time.Hour, nil, scenes...)
	if v.Step != RollBack || v.All.Difference < 0.1 {
		t.Errorf("%v after %v: %v", v.Step, after, v.Why)
	}
}

func TestServicesComeAndGo(t *testing.T) {
	w := mesh.Weights{0.5, 0.5}
	a, b := newScene(w, w, 0.02, 0.03), newScene(w, w, 0.1, 0.3)
	b.service = "b"
	tr := New(DefaultConfig(), began)
	var v Verdict
	for since := 5 * time.Second; since <= time.Hour && v.Step == GoOn; since += 5 * time.Second {
		now := began.Add(since)
		for _, s := range []*scene{a, b} {
			if s == a && since > 2*time.Minute || s == b && since < time.Minute {
				continue
			}
			tr.Observe(s.window(now, 0.1))
			tr.InForce(now, s.service, s.endpoints(), s.former, s.tried)
		}
		v = tr.Judge(now)
	}
	if v.Step != Adopt || v.Services != 2 {
		t.Errorf("%v with %d services: %v; want it adopted with 2", v.Step, v.Services, v.Why)
	}
}

// While no windows come nothing is decided, the share falls, and time stands still.
func TestNothingIsDecidedBlind(t *testing.T) {
	cfg := DefaultConfig()
	w := mesh.Weights{0.5, 0.5}
	s := newScene(w, w, 0.02, 0.03)
	tr := New(cfg, began)
	tr.InForce(began, s.service, s.endpoints(), w, w)
	now := began
	step := func(seen bool) Verdict {
		now = now.Add(5 * time.Second)
		if seen {
			tr.Observe(s.window(now, 0.1))
		}
		return tr.Judge(now)
	}
	var v Verdict
	for !v.Probation {
		v = step(true)
	}
	if v.Share != 1-cfg.HoldBack {
		t.Fatalf("share %v in probation", v.Share)
	}
	for range 24 * 60 * 12 { // a day
		if v = step(false); v.Step != GoOn {
			t.Fatalf("%v without metrics: %v", v.Step, v.Why)
		}
	}
	if v.Reason != Blind || v.Share != cfg.Share || !strings.Contains(v.Why, "no metrics for") {
		t.Errorf("%v, share %v: %v; want the first share, and why", v.Reason, v.Share, v.Why)
	}
	if v = step(true); v.Reason != Watching || v.Share != 1-cfg.HoldBack {
		t.Errorf("metrics are back: %v, share %v", v.Reason, v.Share)
	}
	back := now
	for v.Step == GoOn {
		v = step(true)
	}
	if v.Reason != Passed || now.Sub(back) < cfg.Probation-2*cfg.Blind {
		t.Errorf("%v %v after the metrics were back: %v", v.Reason, now.Sub(back), v.Why)
	}
}

func TestFewRequestsAreAdoptedInTheEnd(t *testing.T) {
	cfg := DefaultConfig()
	s := newScene(mesh.Weights{0.5, 0.5}, mesh.Weights{0.4, 0.6}, 0.02, 0.03)
	s.rate = 0.05
	v, after := play(cfg, 24*time.Hour, nil, s)
	if v.Step != Adopt || v.Reason != Unjudged || after < cfg.Patience || after > cfg.Canary+cfg.Patience+time.Minute {
		t.Errorf("%v (%v) after %v: %v", v.Step, v.Reason, after, v.Why)
	}
}

// TestUnseenRequestsAreRolledBack: whoever sends requests where nothing is measured is
// not adopted because nothing was found.
func TestUnseenRequestsAreRolledBack(t *testing.T) {
	s := newScene(mesh.Weights{1, 0}, mesh.Weights{0.3, 0.7}, 0.02, math.NaN())
	v, after := play(DefaultConfig(), time.Hour, nil, s)
	if v.Step != RollBack || v.Reason != Unseen || after > time.Minute {
		t.Errorf("%v (%v) after %v: %v", v.Step, v.Reason, after, v.Why)
	}
	s = newScene(mesh.Weights{1, 0}, mesh.Weights{0.7, 0.3}, 0.02, math.NaN())
	if v, _ := play(DefaultConfig(), 5*time.Minute, nil, s); v.Step == RollBack {
		t.Errorf("most of its requests are seen: %v", v.Why)
	}
}

func TestDecliningModelIsRolledBack(t *testing.T) {
	w := mesh.Weights{0.5, 0.5}
	for _, c := range []struct {
		name          string
		former, tried bool
		want          Step
	}{{"only the tried one declines", true, false, RollBack}, {"both decline", false, false, GoOn}, {"only the former one does", false, true, GoOn}, {"both answer", true, true, GoOn}} {
		s := newScene(w, w, 0.02, 0.03)
		tr := New(DefaultConfig(), began)
		var v Verdict
		for i := range declinedRow {
			now := began.Add(time.Duration(i+1) * 5 * time.Second)
			tr.Observe(s.window(now, 0.1))
			tr.InForce(now, s.service, s.endpoints(), w, w)
			tr.Answered(s.service, c.former, c.tried)
			if v = tr.Judge(now); v.Step != GoOn && i+1 < declinedRow {
				t.Errorf("%s: %v after %d decisions", c.name, v.Step, i+1)
			}
		}
		if v.Step != c.want || v.Step == RollBack && v.Reason != Declines {
			t.Errorf("%s: %v, %v; want %v", c.name, v.Step, v.Reason, c.want)
		}
	}
}

// What the same line with another seed of noise would see: never found worse.
func TestNoiseIsNotBlamed(t *testing.T) {
	rolled := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		former, tried := make(mesh.Weights, 6), make(mesh.Weights, 6)
		s := newScene(former, tried, make([]float64, 6)...)
		s.rng, s.rate = rng, 30
		v, _ := play(DefaultConfig(), time.Hour, func(time.Duration, float64) {
			for i := range former {
				former[i] = math.Exp(0.3 * rng.NormFloat64())
				tried[i] = math.Exp(0.3 * rng.NormFloat64())
				s.latency[i] = 0.05 * math.Exp(0.3*rng.NormFloat64())
			}
			former.Normalize()
			tried.Normalize()
		}, s)
		if v.Step == RollBack {
			rolled++
		}
	}
	if rolled > 10 {
		t.Errorf("%d of 200 rolled back; want 10 at most", rolled)
	}
}

// Whatever a window holds, a verdict has figures and a share.
func FuzzTrial(f *testing.F) {
	f.Add(0.5, 0.2, 0.01, 100.0, 0.5, 0.5, int64(10))
	f.Add(math.NaN(), math.Inf(1), -1.0, math.NaN(), math.Inf(-1), 0.0, int64(-10))
	f.Add(1e300, 1e-300, 2.0, 1e300, 1.0, 1e300, int64(0))
	f.Add(1e300, 6e-300, 2.0, 1e300, 1.0, 1.1e299, int64(35)) // costs and counts beyond all sense
	f.Fuzz(func(t *testing.T, latency, other, failed, requests, former, tried float64, span int64) {
		tr := New(DefaultConfig(), began)
		e := []mesh.Endpoint{{Name: "a"}, {Name: "b"}}
		for i := range 20 {
			now := began.Add(time.Duration(i) * 5 * time.Second)
			tr.Observe(&mesh.Window{Service: "s", Time: now, End: now, Start: now.Add(-time.Duration(span) * time.Second), Schema: schema, Endpoints: e,
				Values: []float64{1, failed, latency, 1, 0, other}, Requests: []float64{requests, 100}})
			tr.InForce(now, "s", e, mesh.Weights{former, 0.5}, mesh.Weights{tried, 0.5})
			v := tr.Judge(now)
			if math.IsNaN(v.Evidence) || v.Share < 0 || v.Share > 1 || math.IsNaN(v.All.Difference) || v.Why == "" {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"share":     func(c *Config) { c.Share = 0 },
		"hold-back": func(c *Config) { c.HoldBack = 1 },
		"rise":      func(c *Config) { c.Share = 0.95 },
		"canary":    func(c *Config) { c.Canary = -1 },
		"windows":   func(c *Config) { c.Windows = -1 },
		"requests":  func(c *Config) { c.Requests = math.NaN() },
		"probation": func(c *Config) { c.Probation = -1 },
		"margin":    func(c *Config) { c.Margin = math.NaN() },
		"alpha":     func(c *Config) { c.Alpha = 0 },
		"blind":     func(c *Config) { c.Blind = 0 },
		"patience":  func(c *Config) { c.Patience = -1 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "trial: ") {
			t.Errorf("%s: %v; want an error of trial", name, err)
		}
	}
}
