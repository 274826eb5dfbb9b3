package router

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
)

// watch takes in what the traffic of a window says of each endpoint.
func (p *eject) watch(state *ejections, f *features.Frame) {
	known, traffic := make([]health.Passive, len(f.Endpoints)), make([]health.Traffic, len(f.Endpoints))
	for i, e := range f.Endpoints {
		known[i] = state.ByName[e.Name].Passive
		traffic[i] = health.Traffic{Requests: math.NaN(), ErrorRatio: math.NaN()}
		if f.Schema != nil && i < len(f.Requests) {
			traffic[i] = health.Traffic{Requests: f.Requests[i], ErrorRatio: f.At(i, mesh.ErrorRatio)}
		}
	}
	outliers := health.DefaultOutliers()
	outliers.ErrorRatio = cmp.Or(f.Objective.MaxErrorRatio, outliers.ErrorRatio)
	outliers.Observe(known, traffic)
	for i, e := range f.Endpoints {
		s := state.ByName[e.Name]
		s.Passive = known[i]
		s.Passive.Known = s.Passive.Known || shows(f, i)
	}
}

// tell writes one status per endpoint of what all that is known of it comes to.
func (p *eject) tell(state *ejections, dst *Decision, now time.Time) {
	for i, e := range dst.Endpoints {
		s := state.ByName[e.Name]
		passive := s.Passive
		if why := p.ails(s, now); why != "" {
			passive.Ejected, passive.Reason = true, why
		}
		var checked health.Checked
		if p.cfg.Checks != nil {
			checked = p.cfg.Checks.Checked(dst.Service, e.Name)
		}
		var forecast health.Forecast
		if i < len(dst.Failures) {
			f := &dst.Failures[i]
			forecast = health.Forecast{Known: true, Probability: f.Probability, Horizon: p.forecast.Horizon(), Likely: f.Likely}
		}
		forecast.Drained, forecast.Reason = dst.Drains[i].Part, dst.Drains[i].Reason
		dst.Health[i] = health.Combine(checked, passive, forecast)
		p.members.against(&dst.Health[i], e.Name)
	}
}

// ails is why metrics have an endpoint ejected, or held at the floor, or would if
// fewer failed; empty where they have not. What checks say stands by itself.
func (p *eject) ails(s *ejection, now time.Time) string {
	switch {
	case s.Gone:
		return "gone from the metrics"
	case s.Severity >= saysDown:
		return "down"
	case s.Severity >= failsRequests:
		return fmt.Sprintf("error ratio %.2g", s.Passive.ErrorRatio)
	case s.Severity >= isUnseen:
		return fmt.Sprintf("no metrics for %d windows", s.Unseen)
	case !s.Failing && s.holds(now):
		return fmt.Sprintf("ejected for %v more", s.Until.Sub(now).Round(time.Second))
	}
	return ""
}
