package trial

import (
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
	latency  []float64 // seconds, of each endpoint
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
