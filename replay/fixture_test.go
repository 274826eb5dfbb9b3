package replay

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	timing = mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second}
	schema = &mesh.Schema{Name: "test", Series: []mesh.Series{
		{Name: mesh.RequestRate}, {Name: mesh.LatencyMean}, {Name: mesh.ErrorRatio},
		{Name: mesh.LatencyP50}, {Name: mesh.LatencyP90}, {Name: mesh.LatencyP99}, {Name: mesh.Up},
	}}
)

// seen is what the fixture's endpoints do over one horizon.
type seen struct{ requests, mean, errors, up float64 }

// gone is an endpoint that shows nothing.
var gone = seen{nan, nan, nan, nan}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Recording, cfg.Timing = "fixture", timing
	return cfg
}

// pair makes the pair of one decision: the frame holds no more than who there
// is, as the policies here look at nothing else.
func pair(service string, step int, endpoints ...seen) datasets.Pair {
	at := start.Add(time.Duration(step) * timing.Step)
	w := mesh.Window{Service: service, Time: at, Schema: schema}
	for i, e := range endpoints {
		w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: fmt.Sprint("e", i)})
		w.Values = append(w.Values, e.requests/timing.Horizon.Seconds(), e.mean, e.errors, e.mean*0.7, e.mean*2, e.mean*4, e.up)
		w.Requests = append(w.Requests, e.requests)
	}
	return datasets.Pair{Frame: &features.Frame{Window: w}, After: w}
}

func each(pairs ...datasets.Pair) iter.Seq2[datasets.Pair, error] {
	return func(yield func(datasets.Pair, error) bool) {
		for _, p := range pairs {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// fixed is a policy that always says the same.
type fixed struct {
	name    string
	weights mesh.Weights // equal where there are more or fewer endpoints
}

func (p fixed) Name() string { return p.name }

func (p fixed) Decide(d *router.Decision, f *features.Frame) error {
	d.Source, d.Reason = router.SourceRules, ""
	d.Weights = make(mesh.Weights, len(f.Endpoints))
	if len(p.weights) != len(d.Weights) {
		d.Weights.Equal()
	} else {
		copy(d.Weights, p.weights)
	}
	return nil
}

// counting remembers how often it was asked, and declines at first.
type counting struct {
	asked, declines int
}

func (p *counting) Name() string { return "counting" }

func (p *counting) Decide(d *router.Decision, f *features.Frame) error {
	p.asked++
	if p.asked <= p.declines {
		return fmt.Errorf("the model: %w", router.WarmUp)
	}
	return fixed{}.Decide(d, f)
}

// shop is a service of three endpoints of which the third is slow and fails,
// over some windows, with noise.
func shop(service string, windows int, seed uint64) []datasets.Pair {
	random := rand.New(rand.NewPCG(seed, 1))
	var pairs []datasets.Pair
	for i := range windows {
		noise := func() float64 { return math.Exp(0.1 * random.NormFloat64()) }
		pairs = append(pairs, pair(service, i,
			seen{float64(100 + random.IntN(60)), 0.020 * noise(), 0, 1},
			seen{float64(100 + random.IntN(60)), 0.025 * noise(), 0.001, 1},
			seen{float64(100 + random.IntN(60)), 0.080 * noise(), 0.02 * noise(), 1}))
	}
	return pairs
}

func run(t *testing.T, cfg Config, pairs []datasets.Pair, policies ...router.Policy) *Trace {
	t.Helper()
	trace, err := Run(each(pairs...), policies, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v; want %v ± %v", what, got, want, tolerance)
	}
}
