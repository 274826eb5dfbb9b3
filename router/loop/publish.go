package loop

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/fairway-mesh/fairway/router"
)

// decide decides for these services, and publishes it all as one edition of the table.
func (l *Loop) decide(services []string) {
	if l.publish(services, func(former, tried []router.Made) {
		if len(former)+len(tried) == 0 {
			return
		}
		if l.known == nil {
			l.table.PublishAll(former, tried)
		} else { // what is gone may have been forgotten
			l.table.PublishKnown(l.known, former, tried)
		}
	}) {
		l.ready.Store(true)
	}
}

// publish decides for these services, gives it to who puts it into the table, and tells
// everybody of it. It reports whether there was anything.
func (l *Loop) publish(services []string, to func(former, tried []router.Made)) bool {
	former := l.ask(l.former, services)
	var tried []router.Made
	if l.tried != nil {
		tried = l.ask(l.tried, services)
	}
	l.mark(former)
	to(former, tried)
	l.leave()
	if len(former)+len(tried) == 0 {
		return false
	}
	l.inForce(former, tried)
	l.observe(former, tried)
	for _, m := range former {
		service := m.Decision.Service
		l.checks.follow(service, l.cfg.Clock(), l.table.Load(service).Endpoints)
		l.metrics.Count(m.Decision)
		l.sayReady(service, m.Decision)
	}
	l.sayAll(former)
	l.cfg.Decided(former, tried)
	return true
}

// leave lets go of services that were forgotten.
func (l *Loop) leave() {
	for _, service := range l.former.dropped {
		l.checks.leave(service, l.cfg.Clock())
		l.metrics.Forget(service)
		delete(l.said, service)
		delete(l.refusals, service)
		delete(l.moved, service)
		delete(l.unready, service)
		if p := l.restored[service]; p != nil && p.over {
			delete(l.restored, service)
		}
	}
	for _, n := range l.lines() {
		n.dropped = nil
	}
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
	var decided []string
	for _, service := range services {
		l.giveWay()
		if n != l.former && n != l.tried {
			return nil // it was rolled back meanwhile
		}
		if f := n.last[service]; f == nil || f.End.IsZero() && len(f.Endpoints) == 0 {
			continue // nothing is known of it but its name
		}
		if _, err := n.decide(service); err != nil {
			l.metrics.refused.Inc()
			if n == l.former {
				l.say(service, "kept", err.Error())
			} else if errors.Is(err, router.Fault) {
				l.rollBack("fault", "it failed on "+service+": "+err.Error())
				return nil
			}
			continue
		}
		decided = append(decided, service)
	}
	var list []router.Made
	for _, service := range decided {
		if f := n.last[service]; f != nil && n.made[service] != nil && !f.Time.Before(l.pace.From) {
			list = append(list, router.Made{Decision: n.made[service], Frame: f})
		}
	}
	return list
}

// giveWay lets requests that have come go first: the scheduler looks at what gave way
// when nothing else is to be done, or now and then. So does what was discovered. Between
// two services nothing is half done.
func (l *Loop) giveWay() {
	runtime.Gosched()
	l.mu.heed()
}

// say logs who sets the weights of a service, when that changes.
func (l *Loop) say(service, source, reason string, more ...any) {
	if now := who(source, reason); l.said[service] != now {
		l.said[service] = now
		level := slog.LevelInfo
		if source == "kept" { // it failed
			level = slog.LevelError
		}
		l.cfg.Log.Log(context.Background(), level, "decided", append([]any{"service", service, "source", source, "reason", reason}, more...)...)
	}
}

// sayReady logs when no endpoint of a service is ready by discovery, or so few that others
// serve too, which no metric of the requests need show, and when that is over.
func (l *Loop) sayReady(service string, d *router.Decision) {
	note := l.known.Unready(l.former.Members(service), d)
	switch was := l.unready[service]; {
	case note == was:
		return
	case note != "":
		l.cfg.Log.Warn(note, "service", service)
		l.unready[service] = note
	default:
		l.cfg.Log.Info("endpoints are ready again", "service", service)
		delete(l.unready, service)
	}
}

// sayBlurred logs of names that were of use, and are not any more: who asks by them is
// given no endpoint, and mostly has not changed anything. While all is found for the
// first time none has been of use.
func (l *Loop) sayBlurred(next *router.Known, changed []string) {
	now := l.cfg.Clock()
	if l.known == nil {
		l.first = now
	}
	if now.Sub(l.first) < foundBy {
		return
	}
	for i, name := range l.known.Blurred(next, changed) {
		if i == examples {
			return
		}
		l.cfg.Log.Warn("a name means two services from now on, and so neither: who asks by it is given no endpoint, until he asks by a whole name, or one of them is gone or opted out", "name", name, "services", next.Namesakes(name))
	}
}

// foundBy is when most is found after the daemon has begun.
const foundBy = time.Minute
