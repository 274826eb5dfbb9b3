package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
	"github.com/fairway-mesh/fairway/router/rules"
)

// atOnce is how many endpoints are checked at once. A check that passes takes
// milliseconds: 1000 endpoints at 5 s take a few of these places, and where all
// hang for 1 s they are checked every 16 s.
const atOnce = 64

// checks are the active checks that the rules ask for. One goroutine at a time may
// use it, and any its runner.
type checks struct {
	set    *rules.Set
	runner *health.Runner
	log    *slog.Logger
	known  map[string][]mesh.Endpoint // by service: what is followed
}

// newChecks returns nil where the rules ask for none.
func newChecks(set *rules.Set, seed uint64, log *slog.Logger) *checks {
	for _, service := range set.Services() {
		if len(set.Service(service).Service.Health.Checks) > 0 {
			return &checks{set: set, runner: health.NewRunner(atOnce, seed), log: log, known: map[string][]mesh.Endpoint{}}
		}
	}
	return nil
}

// of reports whether a service is checked.
func (c *checks) of(service string) bool {
	return c != nil && len(c.set.Service(service).Service.Health.Checks) > 0
}

// follow checks these endpoints of a service from now on, and no others. Those
// without an address cannot be checked.
func (c *checks) follow(service string, now time.Time, endpoints []mesh.Endpoint) {
	if !c.of(service) || slices.Equal(c.known[service], endpoints) {
		return
	}
	c.known[service] = slices.Clone(endpoints)
	rule := c.set.Service(service).Service.Health
	var targets []health.Target
	var unknown []string
	for _, e := range endpoints {
		if e.Address == "" {
			unknown = append(unknown, e.Name)
			continue
		}
		t := health.Target{Endpoint: e.Name, Interval: rule.Interval, Timeout: rule.Timeout, Least: rule.Minimum, Rise: rule.Rise, Fall: rule.Fall}
		for _, check := range rule.Checks {
			t.Checks = append(t.Checks, checkOf(check, e.Address))
		}
		targets = append(targets, t)
	}
	if len(unknown) > 0 {
		c.log.Warn("endpoints without an address are not checked; the rules can name one", "service", service, "endpoints", unknown)
	}
	if err := c.runner.Follow(service, now, targets); err != nil {
		c.log.Error("checks are as they were", "service", service, "error", err)
	}
}

// checkOf is a check of the rules for the endpoint at an address, host:port.
func checkOf(c rules.HealthCheck, address string) health.Check {
	if host, _, err := net.SplitHostPort(address); err == nil && c.Port > 0 {
		address = net.JoinHostPort(host, strconv.Itoa(c.Port))
	}
	switch c.Kind {
	case "http":
		return health.HTTP(fmt.Sprintf("http://%s%s", address, c.Path))
	case "grpc":
		return health.GRPC(address, c.Service, nil)
	default:
		return health.TCP(address)
	}
}

// attend decides anew, until ctx ends, whenever checks have changed their mind and,
// if every is above 0, as often as that: where no windows come, slow starts and
// ejections pass with nobody else to notice.
func (l *loop) attend(ctx context.Context, changed <-chan struct{}, every time.Duration) {
	var tick <-chan time.Time
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-changed:
		case <-tick:
		case <-ctx.Done():
			return
		}
		l.anew()
	}
}

// anew decides on the last frame of each service that is checked. Where metrics are
// live, they have aged; a recording has its own time.
func (l *loop) anew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, service := range l.services() {
		if !l.checks.of(service) {
			continue
		}
		f := l.last[service]
		if now := l.clock(); l.live && now.After(f.Time) {
			f.Time = now
		}
		l.decide(f)
	}
}
