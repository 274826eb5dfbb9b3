package loop

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	began  = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	schema = &mesh.Schema{Name: "tiny", Step: 5 * time.Second, Range: 10 * time.Second, Series: []mesh.Series{
		{Name: mesh.RequestRate, Query: "r"}, {Name: mesh.LatencyMean, Query: "l"}, {Name: mesh.ErrorRatio, Query: "e"}}}
	timing = mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: time.Second, Horizon: 30 * time.Second}
)

// world is a loop in front of two endpoints of shop: a takes 10 ms, b 100 ms.
type world struct {
	*Loop
	t     testing.TB
	mu    sync.Mutex
	clock time.Time
	log   *strings.Builder
	// midway, if not nil, is called whenever the rules are asked for weights.
	midway func()
}

// watched is a policy that tells when it is asked.
type watched struct {
	router.Policy
	w *world
}

func (p watched) Decide(dst *router.Decision, f *features.Frame) error {
	if p.w.midway != nil {
		p.w.midway()
	}
	return p.Policy.Decide(dst, f)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// Write keeps the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func newWorld(t testing.TB, m *model.Model, set Change, judge func(time.Time, *rules.Set) Judge) *world {
	t.Helper()
	w := &world{t: t, clock: began, log: &strings.Builder{}}
	cfg := router.DefaultConfig()
	cfg.WarmUp = 3
	first := Change{Version: Version{Subject: model.SubjectModel}}
	if m != nil {
		first = changeOf(m)
	}
	set.Subject = model.SubjectRules
	var err error
	w.Loop, err = New(Config{
		Router: cfg, Acted: true, Live: true, Clock: w.now, Log: slog.New(slog.NewTextHandler(w, nil)), Trial: judge,
		Policy: func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
			choose := router.Fallback(router.Learned(m, p, cfg), watched{router.Static(cfg.Rules), w})
			return router.Limit(router.Eject(choose, p, cfg), cfg)
		},
	}, first, set, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Expect(Pace{Schema: schema, Timing: timing}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.said())
		}
	})
	return w
}

// window is what is seen at now, with the load that the table sends.
func (w *world) window() mesh.Window {
	now := w.now()
	out := mesh.Window{Service: "shop", Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
	share, _ := w.Table().Trial()
	endpoints, former, tried := w.Table().Load("shop").Shares()
	for i, latency := range []float64{0.010, 0.100} {
		e := mesh.Endpoint{Name: string(rune('a' + i))}
		part := 0.5
		for k, known := range endpoints {
			if known.Name == e.Name {
				if part = former[k]; tried != nil {
					part = (1-share)*former[k] + share*tried[k]
				}
			}
		}
		out.Endpoints = append(out.Endpoints, e)
		// Latencies are never quite the same.
		latency *= 1 + 0.02*math.Sin(float64(now.Unix()+int64(i)))
		out.Values = append(out.Values, 200*part, latency, 0)
		out.Requests = append(out.Requests, 2000*part)
	}
	return out
}

// pass lets n windows come, five seconds apart.
func (w *world) pass(n int) {
	for range n {
		w.mu.Lock()
		w.clock = w.clock.Add(5 * time.Second)
		w.mu.Unlock()
		w.Take([]mesh.Window{w.window()}, nil)
		w.answers()
	}
}

// answers fails the test where a request would have no endpoint.
func (w *world) answers() router.Answer {
	w.t.Helper()
	a := w.Table().Load("shop").Decide(&mesh.Request{Service: "shop"}, 1<<62)
	if a.Endpoint < 0 || a.Weights.Validate() != nil {
		w.t.Errorf("at %v: an answer without an endpoint: %+v", w.now(), a)
	}
	return a
}

// ruled are rules with weights of a and b.
func ruled(t testing.TB, version string, a, b int) Change {
	t.Helper()
	text := fmt.Sprintf("version: %q\nservices:\n  - name: shop\n    limits: {step: 1}\n    endpoints: [{name: a, weight: %d}, {name: b, weight: %d}]\n", version, a, b)
	c := Change{Version: Version{model.SubjectRules, version, version}, Text: []byte(text)}
	if err := c.compile("rules.yaml"); err != nil {
		t.Fatal(err)
	}
	return c
}

// persistence is a model that has learned nothing: every endpoint goes on as it was.
func persistence(version model.Version) *model.Model {
	return &model.Model{
		Format: model.Format, Name: "persistence", Version: version, Created: time.Unix(0, 0).UTC(), Schema: *schema, Timing: timing, Objective: mesh.DefaultObjective(),
		Routing: &model.Network{
			Kind: model.Outcome, Bounds: model.DefaultBounds(), Columns: []string{"missing_ratio"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: model.OutcomeOutputs, W: make([]float32, model.OutcomeOutputs), B: make([]float32, model.OutcomeOutputs)}},
		},
		Card: model.Card{MadeBy: "test"},
	}
}

// script is a Judge that says what it is told to.
type script struct {
	mu   sync.Mutex
	next trial.Verdict
}

func (s *script) InForce(time.Time, string, []mesh.Endpoint, mesh.Weights, mesh.Weights) {}
func (s *script) Answered(string, bool, bool)                                            {}
func (s *script) Observe(*mesh.Window)                                                   {}
func (s *script) Judge(time.Time) trial.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

func (s *script) say(v trial.Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = v
}

func (s *script) begin(time.Time, *rules.Set) Judge {
	s.say(trial.Verdict{Share: 0.1})
	return s
}

// real is a trial as it is.
func real(now time.Time, _ *rules.Set) Judge { return trial.New(trial.DefaultConfig(), now) }
