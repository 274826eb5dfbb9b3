package loop

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
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

func newChecks(set *rules.Set, seed uint64, log *slog.Logger) *checks {
	return &checks{set: set, runner: health.NewRunner(atOnce, seed), log: log, known: map[string][]mesh.Endpoint{}}
}

// of reports whether a service is checked.
func (c *checks) of(service string) bool {
	return len(c.set.Service(service).Service.Health.Checks) > 0
}

// under goes over to other rules. The services follow as they are decided upon; those
// that are checked no more are let go at once.
func (c *checks) under(set *rules.Set, now time.Time) {
	c.set = set
	for service := range c.known {
		if !c.of(service) {
			_ = c.runner.Follow(service, now, nil) // no target can be refused
		}
		delete(c.known, service)
	}
}

// leave checks the endpoints of a service no more.
func (c *checks) leave(service string, now time.Time) {
	if _, followed := c.known[service]; followed {
		_ = c.runner.Follow(service, now, nil) // no target can be refused
		delete(c.known, service)
	}
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

// withoutMetrics is how often is decided where no metrics come: slow starts and
// ejections pass with nobody else to notice.
const withoutMetrics = 5 * time.Second

// Attend runs the active checks that the rules ask for until ctx ends, and decides
// anew whenever they have changed their mind. It reviews trials, and begins those that have
// waited.
func (l *Loop) Attend(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { l.checks.runner.Run(ctx) })
	ticker := time.NewTicker(withoutMetrics)
	defer ticker.Stop()
	for {
		select {
		case <-l.checks.runner.Changed():
			l.anew()
			l.recheckRestored()
		case <-ticker.C:
			if !l.fed() {
				l.anew()
			}
			l.ageRestored()
			l.Review()
		case <-l.wake:
			l.next()
		case <-ctx.Done():
			return
		}
	}
}

// fed reports whether windows come.
func (l *Loop) fed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace.Schema != nil
}

// anew decides on the last frame of each service that is checked, or that has changed of
// late. Where metrics are
// live, they have aged; a recording has its own time.
func (l *Loop) anew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, service := range l.former.services() {
		if l.checks.of(service) || l.moves(service) {
			list = append(list, service)
		}
	}
	l.refresh(list)
	l.decide(list)
}
