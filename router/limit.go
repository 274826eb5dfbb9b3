package router

import (
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Limit bounds how far an endpoint's weight rises from one window to the next:
// by Limits.Step of the service's traffic. What is added can drown an endpoint;
// what is taken away cannot, and leaves a failing one in fewer windows when
// several take it over. All weights go the same part of their way, the largest
// that keeps within the step. An ejection, or what is held at the floor in its
// place, and the share that the others take over, is not slowed. Weights that a
// model set are lifted to Limits.Floor. The first decision of a service is not
// limited, and an endpoint that appears later moves from its peers' mean, or
// begins with less if it is meant to: a service that was seen in part at first is
// not kept there, and a slow start is not undone.
func Limit(p Policy, cfg Config) Policy {
	return &limit{Policy: p, cfg: cfg, services: map[string]*movement{}}
}

type limit struct {
	Policy
	cfg      Config
	services map[string]*movement
}

// movement is the memory of one service.
type movement struct {
	Time, End    time.Time
	Before, Last map[string]float64 // weights by endpoint, of the window before and of this one
	from         []float64          // scratch: Before, in the order of the frame
}

func (p *limit) Decide(dst *Decision, f *features.Frame) error {
	if err := p.Policy.Decide(dst, f); err != nil {
		return err
	}
	limits := p.cfg.Rules.Service(f.Service).Service.Limits
	if dst.Source == SourceModel {
		raise(dst.Weights, floorWeight(limits, len(dst.Weights)), dst.Ejected)
	}
	state := p.services[f.Service]
	if state == nil {
		state = &movement{Last: map[string]float64{}, Before: map[string]float64{}}
		p.services[f.Service] = state
	}
	if state.due(f) {
		state.Time, state.End = f.Time, f.End
		state.Before, state.Last = state.Last, state.Before
	}
	state.from = sized(state.from, len(dst.Weights))
	if state.start(dst) {
		approach(dst.Weights, state.from, limits.Step)
	}
	clear(state.Last)
	for i, e := range dst.Endpoints {
		state.Last[e.Name] = dst.Weights[i]
	}
	return nil
}

// due reports whether f is a new step: a new window or, while none comes, as
// much time as one takes.
func (m *movement) due(f *features.Frame) bool {
	step := time.Duration(0)
	if f.Schema != nil {
		step = f.Schema.Step
	}
	return m.Time.IsZero() || f.End.After(m.End) || f.Time.Sub(m.Time) >= max(step, 1)
}

// start writes the weights to move from, which sum to 1: of what is held its
// weight, of what has appeared at most an equal share, and of the others that are
// open now what they had, scaled to the rest. It returns false if there are none.
func (m *movement) start(dst *Decision) bool {
	sum, rest, open := 0.0, 1.0, 0
	for i, e := range dst.Endpoints {
		m.from[i] = 0
		switch before, was := m.Before[e.Name]; {
		case dst.Ejected[i]:
		case dst.Held[i]:
			m.from[i] = dst.Weights[i]
			rest -= m.from[i]
		case was:
			m.from[i] = min(max(before, 0), 1) // whatever was restored
			sum, open = sum+m.from[i], open+1
		default:
			open++
		}
	}
	if sum <= 0 {
		return false
	}
	mean := rest / float64(open)
	for i, e := range dst.Endpoints {
		if _, was := m.Before[e.Name]; !was && !dst.Ejected[i] && !dst.Held[i] {
			m.from[i] = min(mean, dst.Weights[i])
			rest -= m.from[i]
		}
	}
	for i, e := range dst.Endpoints {
		if _, was := m.Before[e.Name]; was && !dst.Ejected[i] && !dst.Held[i] {
			m.from[i] *= rest / sum
		}
	}
	return true
}

// approach replaces weights by the point between from and them to which no
// weight has risen by more than step. Both sum to 1, so the point does.
func approach(weights mesh.Weights, from []float64, step float64) {
	most := 0.0
	for i := range weights {
		most = max(most, weights[i]-from[i])
	}
	if most <= step {
		return
	}
	for i := range weights {
		weights[i] = from[i] + (weights[i]-from[i])*step/most
	}
}
