package health_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/health"
)

func TestCombine(t *testing.T) {
	passes := health.Checked{State: health.Healthy, Passed: 2, Total: 2}
	half := health.Checked{State: health.Healthy, Passed: 1, Total: 2, Reason: "check http: status 503"}
	fails := health.Checked{State: health.Unhealthy, Passed: 0, Total: 2, Reason: "only 0/2 checks passed"}
	serves := health.Passive{Known: true}
	outlier := health.Passive{Known: true, Outlier: true, Reason: "error ratio 0.2"}
	ejected := health.Passive{Known: true, Ejected: true, Reason: "error ratio 0.9"}
	calm := health.Forecast{Known: true, Probability: 0.01, Horizon: time.Minute}
	likely := health.Forecast{Known: true, Probability: 0.2, Horizon: time.Minute, Likely: true}
	drained := health.Forecast{Known: true, Probability: 0.62, Horizon: time.Minute, Likely: true, Drained: 0.3, Reason: "failing 62 % within 1 min, memory"}
	for _, c := range []struct {
		checks   health.Checked
		passive  health.Passive
		forecast health.Forecast
		state    health.State
		reason   string
	}{
		{health.Checked{}, health.Passive{}, health.Forecast{}, health.Unknown, "no check, and no traffic"},
		{health.Checked{}, health.Passive{}, calm, health.Unknown, "no check, and no traffic"},
		{passes, health.Passive{}, calm, health.Healthy, ""},
		{health.Checked{}, serves, calm, health.Healthy, ""},
		{passes, serves, likely, health.Degraded, "may fail: 20 % within 1m0s"},
		{half, serves, calm, health.Degraded, "checks: check http: status 503"},
		{passes, outlier, calm, health.Degraded, "error ratio 0.2"},
		{half, outlier, drained, health.Draining, "failing 62 % within 1 min, memory"},
		{fails, serves, drained, health.Unhealthy, "checks: only 0/2 checks passed"},
		{passes, ejected, calm, health.Unhealthy, "error ratio 0.9"},
	} {
		s := health.Combine(c.checks, c.passive, c.forecast)
		if s.State != c.state || s.Reason != c.reason || s.Checks != c.checks || s.Passive != c.passive || s.Forecast != c.forecast {
			t.Errorf("got %v %q; want %v %q", s.State, s.Reason, c.state, c.reason)
		}
	}
	for state, want := range map[health.State]string{health.Unknown: "unknown", health.Healthy: "healthy", health.Degraded: "degraded", health.Draining: "draining", health.Unhealthy: "unhealthy"} {
		if got := state.String(); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}

// fleet is what n endpoints did that are well but for one.
func fleet(n int, odd float64) []health.Traffic {
	list := make([]health.Traffic, n)
	for i := range list {
		list[i] = health.Traffic{Requests: 100, ErrorRatio: 0.01}
	}
	list[0].ErrorRatio = odd
	return list
}

// TestOutliersByPeers: the success-rate deviation of Envoy. Below five endpoints
// nothing is compared, and what differs by next to nothing is no outlier.
func TestOutliersByPeers(t *testing.T) {
	for _, c := range []struct {
		n       int
		odd     float64
		outlier bool
	}{{4, 0.04, false}, {5, 0.04, true}, {6, 0.04, true}, {12, 0.04, true}, {12, 0.015, false}, {12, 0, false}, {12, 0.01, false}} {
		known := make([]health.Passive, c.n)
		health.DefaultOutliers().Observe(known, fleet(c.n, c.odd))
		if got := known[0]; got.Outlier != c.outlier || got.Outlier != strings.Contains(got.Reason, "its peers' mean") || !got.Known {
			t.Errorf("%+v: %+v", c, got)
		}
		if known[1].Outlier {
			t.Errorf("%+v: one that is well is an outlier: %+v", c, known[1])
		}
	}
	known := make([]health.Passive, 12)
	health.DefaultOutliers().Observe(known, fleet(12, 0.04))
	if d := known[0].Deviation; math.Abs(d+11/math.Sqrt(11)) > 1e-6 {
		t.Errorf("deviation %v; want %v", d, -11/math.Sqrt(11))
	}
}

// TestOutliersInARow: two windows above 5 %, windows with too few requests left
// out, and one that is well ends it.
func TestOutliersInARow(t *testing.T) {
	o := health.DefaultOutliers()
	known := make([]health.Passive, 1)
	for k, w := range []struct {
		requests, errors float64
		outlier          bool
	}{{10, 0.3, false}, {10, 0.05, true}, {2, 0, true}, {math.NaN(), math.NaN(), true}, {10, 0.04, false}, {10, 1, false}, {3, 1, false}, {10, 1, true}} {
		o.Observe(known, []health.Traffic{{Requests: w.requests, ErrorRatio: w.errors}})
		if known[0].Outlier != w.outlier {
			t.Errorf("window %d: %+v", k, known[0])
		}
	}
	if known[0].Reason != "error ratio 1, 2 windows in a row" {
		t.Errorf("reason %q", known[0].Reason)
	}
}
