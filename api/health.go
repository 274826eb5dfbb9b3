package api

import (
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/health"
)

// healthOf translates what is known of an endpoint.
func healthOf(s *health.Status) *fairwayv1.Health {
	out := &fairwayv1.Health{State: s.State.String(), Reason: s.Reason}
	if c := &s.Checks; c.Total > 0 {
		out.Checks = &fairwayv1.Health_Checks{
			Passed: int32(c.Passed), Total: int32(c.Total), Reason: c.Reason, State: c.State.String(),
		}
	}
	if p := &s.Passive; p.Known {
		out.Passive = &fairwayv1.Health_Passive{
			ErrorRatio: p.ErrorRatio, FailingWindows: int32(p.Failing), Deviation: p.Deviation, Outlier: p.Outlier,
		}
	}
	return out
}
