package fit

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// behaviour is the recorded shares of the endpoints, over time. It implements
// router.Policy.
type behaviour struct {
	step   time.Duration
	shares []mesh.Weights // by step
}

// behaviourStep is how often shares are taken from a log.
const behaviourStep = 5 * time.Second

// sharesOf are the shares that the log shows in each step, or the metrics in
// each window.
func sharesOf(h *history, l *requestLog) *behaviour {
	if len(l.requests) == 0 {
		b := &behaviour{step: h.window, shares: make([]mesh.Weights, h.n)}
		for k := range b.shares {
			b.shares[k] = make(mesh.Weights, len(h.endpoints))
			for e := range h.endpoints {
				b.shares[k][e] = h.seen[e][k].requests // NaN counts as none
			}
			b.shares[k].Normalize()
		}
		return b
	}
	b := &behaviour{step: behaviourStep, shares: make([]mesh.Weights, int(math.Ceil(h.duration().Seconds()/behaviourStep.Seconds())))}
	for k := range b.shares {
		b.shares[k] = make(mesh.Weights, len(h.endpoints))
	}
	for i := range l.requests {
		if q := &l.requests[i]; q.endpoint >= 0 {
			b.shares[q.at/behaviourStep][q.endpoint]++
		}
	}
	for k := range b.shares {
		b.shares[k].Normalize()
	}
	return b
}

// strategy sends by the recorded shares.
func (b *behaviour) strategy() router.Strategy {
	return router.Strategy{Name: "recorded shares", Policy: b, Picker: func(c picker.Config) picker.Picker {
		w := c.Weights
		if w == nil {
			w = b.shares[0]
		}
		return picker.NewWeighted(w, c.Seed)
	}}
}

// Name implements router.Policy.
func (*behaviour) Name() string { return "recorded shares" }

// Decide implements router.Policy: the shares of the step that begins.
func (b *behaviour) Decide(d *router.Decision, f *features.Frame) error {
	k := min(int(f.Time.Sub(time.Unix(0, 0))/b.step), len(b.shares)-1)
	if len(f.Endpoints) != len(b.shares[k]) {
		return router.NoEndpoints
	}
	*d = router.Decision{
		Service: f.Service, Time: f.Time, Endpoints: append(d.Endpoints[:0], f.Endpoints...),
		Weights: append(d.Weights[:0], b.shares[k]...), Source: router.SourceRules, Policy: b.Name(),
	}
	return nil
}
