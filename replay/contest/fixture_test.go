package contest

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// fake makes results without a simulation: every seed has a pace of its own
// that all strategies meet, and every strategy a factor to it.
type fake map[string]maker

type maker struct {
	factor float64 // of the latencies
	failed float64 // ratio
	churn  float64
}

func (f fake) run(_ context.Context, s *sim.Scenario, seed uint64, strategy router.Strategy) (*sim.Result, error) {
	m := f[strategy.Name]
	common := rand.New(rand.NewPCG(seed, 1))
	own := rand.New(rand.NewPCG(seed, uint64(len(strategy.Name))+uint64(1e6*m.factor)))
	pace := 0.1 * math.Exp(0.3*common.NormFloat64()) * m.factor * math.Exp(0.01*own.NormFloat64())
	r := &sim.Result{
		Scenario: s.Name, Strategy: strategy.Name, Seed: seed, Latency: &sim.Histogram{}, InFlight: &sim.Histogram{},
		Endpoints: []string{"e0", "e1", "e2"}, Churn: m.churn, Probes: 100, Declined: map[string]int{"warm_up": 1},
		Faults: []datasets.Fault{{Endpoint: "e2", Kind: "slowdown", Start: time.Unix(20, 0), End: time.Unix(40, 0)}},
		Drain:  []time.Duration{time.Duration(m.factor * float64(time.Second))}, Return: []time.Duration{2 * time.Second},
	}
	sum := 0.0
	const n = 2000
	for i := range n {
		x := min(pace*own.ExpFloat64(), s.Deadline.Seconds())
		if float64(i) < m.failed*n {
			x = s.Deadline.Seconds()
			r.Failed++
		}
		sum += x
		r.Latency.Add(x)
		r.InFlight.Add(float64(own.IntN(4)))
	}
	r.Requests, r.Mean = n, sum/n
	for i := range 6 {
		slow := 1.0
		if i == 2 || i == 3 {
			slow = 3
		}
		slot := sim.Slot{Start: time.Duration(10*i) * time.Second, Requests: n / 6, Latency: pace * slow, P99: 4 * pace * slow, Sent: []int{100, 100, int(100 / slow)}}
		if m.churn > 0 {
			slot.Weights = []float64{0.4, 0.4, 0.2}
		}
		r.Slots = append(r.Slots, slot)
	}
	return r, nil
}

func (f fake) entries(names ...string) []Entry {
	var out []Entry
	for _, name := range names {
		out = append(out, Entry{Name: name, New: func() (router.Strategy, error) { return router.Strategy{Name: name}, nil }})
	}
	return out
}

var fakes = fake{
	"even":   {factor: 1, failed: 0.002},
	"quick":  {factor: 0.7, failed: 0.002, churn: 0.2},
	"slow":   {factor: 1.4, failed: 0.01},
	"same":   {factor: 1, failed: 0.002},
	"stuck":  {factor: 1, failed: 0.5},
	"stuck2": {factor: 1.1, failed: 0.6},
}

func ramp() *sim.Scenario {
	return &sim.Scenario{Name: "ramp", Seeds: 10, WarmUp: 10 * time.Second, Duration: time.Minute, Deadline: 5 * time.Second}
}

func stall() *sim.Scenario {
	s := ramp()
	s.Name = "stall"
	return s
}

func find(t *testing.T, cfg Config, scenarios []*sim.Scenario, names ...string) *Findings {
	t.Helper()
	f, err := run(t.Context(), scenarios, fakes.entries(names...), cfg, fakes.run)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
