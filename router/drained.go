package router

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/features"
)

// Drain is what a forecast takes from an endpoint.
type Drain struct {
	// Part of its weight that is taken away, 0 to 1: 1 leaves the floor.
	Part float64
	// Reason is such as "failing 62 % within 5 min, memory"; empty where no
	// forecast asks for a drain or has lately.
	Reason string
	// HeldOut says that it is not drained, by lot: see Config.HoldOut.
	HeldOut bool
	// Propensity is the probability of the lot that it has drawn, to be drained
	// or to be held out; 0 without a Reason.
	Propensity float64
}

// lot is the number in [0, 1) that endpoint i draws when its drain begins. It
// follows from the seed, the names and the time, so that a replay draws the same.
func (p *eject) lot(f *features.Frame, i int) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%d", f.Service, f.Endpoints[i].Name, f.Time.UnixNano())
	return rand.New(rand.NewPCG(p.cfg.Seed, h.Sum64())).Float64()
}

// why is what the forecast says of endpoint i, and the metric that is strangest.
func (p *eject) why(dst *Decision, f *features.Frame, i int) string {
	text := fmt.Sprintf("failing %.0f %% within %s", 100*dst.Failures[i].Probability, spoken(p.forecast.Horizon()))
	if i < len(f.Anomalies) {
		if top := f.Anomalies[i].Strangest(nil); len(top) > 0 {
			text += ", " + top[0].Series
		}
	}
	return text
}

// withhold writes the drains into the weights, and into what the decision tells.
func (p *eject) withhold(state *ejections, dst *Decision, now time.Time, least float64) {
	for i, e := range dst.Endpoints {
		d := &state.ByName[e.Name].Drain
		if !d.active() || dst.Ejected[i] || dst.Held[i] {
			continue
		}
		told := Drain{Part: p.lasting(state, dst, d.Part, now), Reason: d.Why, HeldOut: d.HeldOut, Propensity: 1 - p.cfg.HoldOut}
		verb := "drained"
		if d.HeldOut {
			verb, told.Propensity = "held out", p.cfg.HoldOut
		}
		dst.Drains[i] = told
		dst.Notes = append(dst.Notes, fmt.Sprintf("%s %s: %s", e.Name, verb, d.Why))
		w := dst.Weights[i]
		dst.Weights[i] = w*(1-told.Part) + min(w, least)*told.Part
	}
}

// lasting is the part of a drain that is left while no window comes: a forecast
// does not count for longer than its metrics, and what it took is given back in
// the time of a slow start.
func (p *eject) lasting(state *ejections, dst *Decision, part float64, now time.Time) float64 {
	part = min(max(part, 0), 1) // whatever was restored
	switch {
	case dst.Reason != Stale:
		return part
	case p.cfg.SlowStart <= 0:
		return 0
	}
	return max(part-max(float64(now.Sub(state.Time)), 0)/float64(p.cfg.SlowStart), 0)
}

// spoken is a span as people say it: "5 min" rather than "5m0s".
func spoken(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
