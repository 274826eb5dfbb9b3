package loop

import (
	"context"
	"errors"
	"log/slog"
	"runtime"

	"github.com/fairway-mesh/fairway/router"
)

// decide decides for these services, and publishes it all as one edition of the table.
func (l *Loop) decide(services []string) {
	former := l.ask(l.former, services)
	var tried []router.Made
	if l.tried != nil {
		tried = l.ask(l.tried, services)
	}
	if len(former)+len(tried) == 0 {
		return
	}
	l.mark(former)
	l.table.PublishAll(former, tried)
	l.inForce(former, tried)
	l.observe(former, tried)
	for _, m := range former {
		service := m.Decision.Service
		l.checks.follow(service, l.cfg.Clock(), l.table.Load(service).Endpoints)
		l.metrics.Count(m.Decision)
		l.say(service, m.Decision.Source.String(), string(m.Decision.Reason), "policy", m.Decision.Policy, "notes", m.Decision.Notes)
	}
	l.ready.Store(true)
	l.cfg.Decided(former, tried)
}

// inForce tells both policies what requests meet from now on.
func (l *Loop) inForce(former, tried []router.Made) {
	share, on := l.table.Trial()
	if !on {
		for _, m := range former {
			l.former.course.Applied(m.Decision)
		}
		return
	}
	others := make(map[string]*router.Decision, len(tried))
	for _, m := range tried {
		others[m.Decision.Service] = m.Decision
	}
	for _, m := range former {
		d := m.Decision
		if other := others[d.Service]; other != nil {
			d = mixed(d, other, share)
		}
		l.former.course.Applied(d)
		l.tried.course.Applied(d)
	}
}

// ask has a line decide for these services. A service on which it fails keeps what
// is in the table.
func (l *Loop) ask(n *line, services []string) []router.Made {
	var list []router.Made
	for _, service := range services {
		if n.last[service] == nil {
			continue
		}
		giveWay()
		d, err := n.decide(service)
		if err != nil {
			l.metrics.refused.Inc()
			if n == l.former {
				l.say(service, "kept", err.Error())
			} else if errors.Is(err, router.Fault) {
				l.rollBack("fault", "it failed on "+service+": "+err.Error())
				return nil
			}
			continue
		}
		if f := n.last[service]; !f.Time.Before(l.pace.From) {
			list = append(list, router.Made{Decision: d, Frame: f})
		}
	}
	return list
}

// giveWay lets requests that have come go first: the scheduler looks at what gave way
// when nothing else is to be done, or now and then. Between two services nothing is
// half done.
func giveWay() { runtime.Gosched() }

// say logs who sets the weights of a service, when that changes.
func (l *Loop) say(service, source, reason string, more ...any) {
	if now := source + " " + reason; l.said[service] != now {
		l.said[service] = now
		level := slog.LevelInfo
		if source == "kept" { // it failed
			level = slog.LevelError
		}
		l.cfg.Log.Log(context.Background(), level, "decided", append([]any{"service", service, "source", source, "reason", reason}, more...)...)
	}
}
