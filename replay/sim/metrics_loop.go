package sim

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// loop is the slow loop, as fairwayd has it: scrapes become windows, windows
// frames, and of these the policy makes weights.
type loop struct {
	*metrics
	decisions Decisions
	policy    router.Policy
	extractor *features.Extractor
	frame     *features.Frame // the last one
	rows      []int           // the endpoint of each of its rows
	decision  router.Decision
	weights   mesh.Weights
	board     picker.Board
}

// featured is a policy that knows how its frames were made when it was
// trained; others take the default.
type featured interface{ FeatureConfig() features.Config }

// applied is a policy that wants to know which of its decisions are in force.
type applied interface{ Applied(d *router.Decision) }

// newSlowLoop makes the slow loop of a run.
func newSlowLoop(s *Scenario, p router.Policy) (slowLoop, error) {
	m, err := newMetrics(s.service(), s.Endpoints(), s.Metrics.Scrape, s.Metrics.timing())
	if err != nil {
		return nil, fmt.Errorf("sim: metrics: %w", err)
	}
	cfg := features.DefaultConfig()
	if f, ok := p.(featured); ok {
		cfg = f.FeatureConfig()
	}
	cfg.Objective.Deadline = s.Deadline
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return &loop{metrics: m, decisions: s.Decisions, policy: p, extractor: features.New(cfg), weights: make(mesh.Weights, s.Count())}, nil
}

func (m Metrics) timing() mesh.Timing {
	return mesh.Timing{Step: m.Step, Range: m.Range, Delay: m.Delay}
}

func (l *loop) scrape(t time.Duration, i int, c *Counters) {
	if !l.decisions.Stale.holds(int64(t)) {
		l.metrics.scrape(t, i, c)
	}
}

// decide moves the time of the last frame on where there is no new one: its
// metrics have aged, and a policy to which they are too old declines.
func (l *loop) decide(t time.Duration) (news, string, error) {
	if l.decisions.Down.holds(int64(t)) || t < l.timing.Range+l.timing.Delay {
		return news{}, "", nil
	}
	if !l.decisions.Stale.holds(int64(t)) {
		if err := l.look(t); err != nil {
			return news{}, "", err
		}
	}
	if l.frame == nil {
		return news{}, "", nil
	}
	l.frame.Time = instantOf(t)
	if err := l.policy.Decide(&l.decision, l.frame); err != nil {
		var reason router.Reason
		if errors.As(err, &reason) {
			return news{}, string(reason), nil
		}
		return news{}, "", fmt.Errorf("sim: policy %s at %v: %w", l.policy.Name(), t, err)
	}
	if p, ok := l.policy.(applied); ok {
		p.Applied(&l.decision)
	}
	clear(l.weights)
	for k, w := range l.decision.Weights {
		l.weights[l.rows[k]] = w
	}
	b := &l.decision.Board
	l.board = picker.Board{
		InFlight: l.spread(l.board.InFlight, b.InFlight),
		Service:  l.spread(l.board.Service, b.Service),
		Capacity: l.spread(l.board.Capacity, b.Capacity),
	}
	return news{l.weights, l.board}, string(l.decision.Reason), nil
}

// spread puts the values of the frame's endpoints in the places of the run's,
// with NaN for those that the frame lacks. It reuses the memory of dst.
func (l *loop) spread(dst, values []float64) []float64 {
	dst = dst[:0]
	if len(values) == 0 {
		return dst
	}
	for range l.weights {
		dst = append(dst, math.NaN())
	}
	for k, x := range values {
		dst[l.rows[k]] = x
	}
	return dst
}

// look makes the next frame, where something is to be seen.
func (l *loop) look(t time.Duration) error {
	w, rows := l.see(t)
	if len(rows) == 0 {
		return nil
	}
	f, err := l.extractor.Push(*w)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	l.frame, l.rows = f, append(l.rows[:0], rows...)
	return nil
}

// instantOf is the time of a simulated instant, of which times count in windows
// and recordings.
func instantOf(t time.Duration) time.Time { return time.Unix(0, 0).UTC().Add(t) }
