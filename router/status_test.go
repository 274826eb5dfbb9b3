package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
)

// asked is what active checks say, by endpoint of checkout.
type asked map[string]health.State

func (a asked) Checked(service, endpoint string) health.Checked {
	c := health.Checked{State: a[endpoint], Total: 1}
	switch {
	case service != "checkout" || c.State == health.Unknown:
		return health.Checked{}
	case c.State == health.Unhealthy:
		c.Reason = "only 0/1 checks passed: refused"
	default:
		c.Passed = 1
	}
	return c
}

func checkedBy(a asked) Config {
	cfg := DefaultConfig()
	cfg.Checks = a
	return cfg
}

// TestEjectWhatChecksCallUnhealthy, at once and without a new window; once they
// pass it returns through a slow start, and what metrics say ends nothing before.
func TestEjectWhatChecksCallUnhealthy(t *testing.T) {
	checks := asked{}
	p := Eject(RoundRobin(), nil, checkedBy(checks))
	f := frame(0, six()...)
	near(t, "weight before any check", decide(t, p, f).Weights[2], 1.0/6, 1e-12)
	checks["c3"] = health.Unhealthy
	if d := decide(t, p, f); !d.Ejected[2] || d.Weights[2] != 0 {
		t.Errorf("ejected %v, weights %v", d.Ejected, d.Weights)
	}
	for k := range 20 {
		if d := decide(t, p, frame(1+k, six()...)); !d.Ejected[2] {
			t.Fatalf("window %d: it is back while its checks fail", k)
		}
	}
	checks["c3"] = health.Healthy
	near(t, "weight when checks pass", decide(t, p, frame(21, six()...)).Weights[2], 0.1/5.1, 1e-9)
	near(t, "weight 30 s later", decide(t, p, frame(27, six()...)).Weights[2], 1.0/6, 1e-9)
}

// TestChecksHaveTheCapsOfEjections: one of six, the other held at the floor; and
// where most are called unhealthy, nobody is ejected.
func TestChecksHaveTheCapsOfEjections(t *testing.T) {
	checks := asked{"c2": health.Unhealthy, "c5": health.Unhealthy}
	d := decide(t, Eject(RoundRobin(), nil, checkedBy(checks)), frame(0, six()...))
	if n := slices.Index(d.Ejected, true); n != 1 || !d.Held[4] || d.Ejected[4] {
		t.Errorf("ejected %v, held %v", d.Ejected, d.Held)
	}
	for _, name := range []string{"c1", "c3", "c4", "c6"} {
		checks[name] = health.Unhealthy
	}
	d = decide(t, Eject(RoundRobin(), nil, checkedBy(checks)), frame(0, six()...))
	if slices.Contains(d.Ejected, true) || !strings.Contains(strings.Join(d.Notes, ""), "panic: 6 of 6") {
		t.Errorf("ejected %v, notes %q", d.Ejected, d.Notes)
	}
}

// TestChecksWithoutMetrics: where nobody sees anything, checks are all there is.
func TestChecksWithoutMetrics(t *testing.T) {
	checks := asked{"c1": health.Unhealthy}
	f := &features.Frame{Window: mesh.Window{Service: "checkout", Time: epoch, Schema: &mesh.Schema{}}}
	for i := range 3 {
		f.Endpoints = append(f.Endpoints, mesh.Endpoint{Name: fmt.Sprint("c", i+1)})
	}
	p := Eject(Static(nil), nil, checkedBy(checks))
	d := decide(t, p, f)
	if !d.Ejected[0] || d.Health[0].State != health.Unhealthy || d.Health[1].State != health.Unknown {
		t.Errorf("ejected %v, health %+v", d.Ejected, d.Health)
	}
	checks["c1"] = health.Healthy
	f.Time = f.Time.Add(time.Minute)
	if d = decide(t, p, f); d.Ejected[0] || d.Health[0].State != health.Healthy {
		t.Errorf("ejected %v, health %+v", d.Ejected, d.Health)
	}
}

// TestStatus: one endpoint of each kind.
func TestStatus(t *testing.T) {
	checks := asked{"c5": health.Unhealthy, "c6": health.Healthy}
	p := Eject(RoundRobin(), &foreseen{low: []map[string]float64{of(0), of(0.6, "c2")}, times: [3]float64{60, 120, 200}}, checkedBy(checks))
	set := ruleSet(t, "services: [{name: checkout, limits: {max_ejection: 0.5}}]")
	p.(*eject).cfg.Rules = set
	list := six()
	list[2], list[3] = list[2].failing(0.2), list[3].down()
	all := run(t, p, six(), list, list)
	want := []struct {
		state  health.State
		reason string
	}{
		{health.Healthy, ""}, {health.Draining, "failing 60 % within 5 min"}, {health.Degraded, "error ratio 0.2, 2 windows in a row"},
		{health.Unhealthy, "down"}, {health.Unhealthy, "checks: only 0/1 checks passed: refused"}, {health.Healthy, ""},
	}
	for i, w := range want {
		if got := all[2].Health[i]; got.State != w.state || got.Reason != w.reason {
			t.Errorf("c%d: %v %q; want %v %q", i+1, got.State, got.Reason, w.state, w.reason)
		}
	}
	failing := run(t, Eject(RoundRobin(), nil, DefaultConfig()), with(0, failsAll), six())
	for k, reason := range []string{"error ratio 1", "ejected for 25s more"} {
		if got := failing[k].Health[0]; got.State != health.Unhealthy || got.Reason != reason {
			t.Errorf("window %d: %v %q; want %q", k, got.State, got.Reason, reason)
		}
	}
}
