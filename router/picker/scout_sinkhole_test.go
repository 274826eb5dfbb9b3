package picker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// pen is a proxy in front of endpoints that serve 10 requests at once, each as
// long as the endpoint takes; some of them fail.
type pen struct {
	picker *scout
	random *rand.Rand
	now    time.Duration
	active [][]ended // by endpoint
	takes  []time.Duration
	fails  []float64
	probes bool
}

type ended struct {
	at, latency time.Duration
	failed      bool
}

func newPen(t *testing.T, probes bool, n int) *pen {
	p := &pen{picker: named[*scout](t, "hot_cold", Config{Endpoints: n, Seed: 1}), random: rand.New(rand.NewPCG(5, 6)), probes: probes,
		active: make([][]ended, n), takes: make([]time.Duration, n), fails: make([]float64, n)}
	for i := range p.takes {
		p.takes[i] = 20 * ms
	}
	return p
}

// run sends a request each 2 ms for a while, and returns which part of them each
// endpoint got.
func (p *pen) run(span time.Duration) []float64 {
	counts := make([]float64, len(p.takes))
	requests := int(span / (2 * ms))
	for range requests {
		p.now += 2 * ms
		p.answer()
		i := p.picker.Pick(p.now, nil)
		counts[i] += 1 / float64(requests)
		latency := time.Duration(float64(p.takes[i]) * (0.5 + p.random.Float64()))
		p.active[i] = append(p.active[i], ended{p.now + latency, latency, p.random.Float64() < p.fails[i]})
		if !p.probes {
			continue
		}
		asked, _ := p.picker.Probes(nil, p.now)
		for _, i := range asked {
			p.picker.Probed(p.now, i, mesh.Load{InFlight: float64(len(p.active[i])), Latency: p.takes[i].Seconds() * (1 + 1e-6*p.random.Float64())})
		}
	}
	return counts
}

// answer hands back what has ended.
func (p *pen) answer() {
	for i, list := range p.active {
		rest := list[:0]
		for _, e := range list {
			if e.at > p.now {
				rest = append(rest, e)
				continue
			}
			p.picker.Done(p.now, i, mesh.Outcome{Latency: e.latency, Failed: e.failed})
		}
		p.active[i] = rest
	}
}

// TestScoutAndFailures: an endpoint that fails is avoided, whether it takes long
// for that or looks the fastest of all for it; and it gets its part again when
// it is well.
func TestScoutAndFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		fails float64
		most  float64 // of the traffic while it fails; a fourth is its part
	}{
		{"at once", ms / 2, 1, 0.05},
		{"at once, half of them", ms / 2, 0.5, 0.05},
		{"as fast as it answers", 20 * ms, 1, 0.05},
		{"slowly", 150 * ms, 1, 0.05},
		{"by the deadline", time.Second, 1, 0.05}, // beyond slowFailure: its latency speaks
	} {
		for _, probes := range []bool{true, false} {
			p := newPen(t, probes, 4)
			if got := p.run(20 * time.Second)[1]; got < 0.15 || got > 0.35 {
				t.Errorf("%s: well, it gets %v of the traffic", c.name, got)
			}
			p.takes[1], p.fails[1] = c.takes, c.fails
			p.run(5 * time.Second)
			failing := p.run(20 * time.Second)[1]
			p.takes[1], p.fails[1] = 20*ms, 0
			p.run(60 * time.Second)
			again := p.run(20 * time.Second)[1]
			t.Logf("%s, probes %v: %.4f of the traffic while it fails, %.3f when it is well again", c.name, probes, failing, again)
			if failing > c.most {
				t.Errorf("%s, probes %v: while it fails it gets %v of the traffic", c.name, probes, failing)
			}
			// Without probes nobody hears that answers no longer take a second.
			if again < 0.15 && (probes || c.takes < time.Second) {
				t.Errorf("%s, probes %v: well again, it gets %v of the traffic", c.name, probes, again)
			}
		}
	}
}

// TestSlowFailures: a failure that takes ten times as long as answers do is none
// of the endpoint's, one that is sooner is.
func TestSlowFailures(t *testing.T) {
	for _, c := range []struct {
		latency time.Duration
		counts  bool
	}{{0, true}, {ms, true}, {200 * ms, true}, {201 * ms, false}, {time.Hour, false}, {-1, true}} {
		p := scouting(t, "hot_cold", 3) // where answers take 20 ms
		p.Done(480*ms, 1, mesh.Outcome{Latency: c.latency, Failed: true})
		if got := p.known[1].fails.share > 0; got != c.counts {
			t.Errorf("a failure after %v counts: %v", c.latency, got)
		}
	}
}
