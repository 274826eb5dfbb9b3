package router

import "time"

// young begins the slow start of an endpoint that appeared, came back after it
// had left, or is up again. It does not where the service itself was first seen
// only lately: then its peers are as young, or have come to be known one after
// the other. What is up again after a panic has none either: the few that were
// left have carried the load, and need it back at once. Endpoints that begin
// together, with no older one beside them, share the traffic as they would
// without a slow start.
func (p *eject) young(state *ejections, s *ejection, appeared, back, restarted bool, now time.Time) {
	switch {
	case back, appeared && now.Sub(state.Since) > p.cfg.SlowStart:
		s.Returned, s.New = now, true
	case restarted && !state.Panic:
		s.Returned, s.New = now, false
	}
}

// warming is how much of the slow starts is kept: with what is out they take no
// more traffic away than ejections may, or a rolling restart, or a zone that comes
// back endpoint by endpoint, would load the rest with what it has no room for.
func (p *eject) warming(state *ejections, dst *Decision, now time.Time, most float64) float64 {
	away := 0.0
	for i, e := range dst.Endpoints {
		if s := state.ByName[e.Name]; s != nil && s.ill() == 0 && !s.holds(now) && !s.Gone && !s.Out && !s.New {
			away += dst.Weights[i] * (1 - p.slowStart(s, now))
		}
	}
	if away > most {
		return most / away
	}
	return 1
}

// slowStart is the part of its weight that a young or returned endpoint gets: a
// tenth at first (Envoy's slow start, aggression 1).
func (p *eject) slowStart(s *ejection, now time.Time) float64 {
	if s.Returned.IsZero() || p.cfg.SlowStart <= 0 {
		return 1
	}
	return min(max(float64(now.Sub(s.Returned))/float64(p.cfg.SlowStart), 0.1), 1)
}
