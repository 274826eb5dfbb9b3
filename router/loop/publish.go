package loop

import (
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router"
)

// made is a decision, and the frame that it was made on.
type made struct {
	decision *router.Decision
	frame    *features.Frame
}

// decide decides for these services, and publishes it all.
func (l *Loop) decide(services []string) {
	former := l.ask(l.former, services)
	for _, m := range former {
		l.table.Publish(m.decision, m.frame)
	}
	for _, m := range former {
		l.former.course.Applied(m.decision)
		l.checks.follow(m.frame.Service, l.cfg.Clock(), l.table.Load(m.frame.Service).Endpoints)
		l.metrics.Count(m.decision)
		l.say(m.frame.Service, m.decision.Source.String(), string(m.decision.Reason), "policy", m.decision.Policy, "notes", m.decision.Notes)
		l.ready.Store(true)
	}
}

// ask has a line decide for these services. A service on which it fails keeps what
// is in the table.
func (l *Loop) ask(n *line, services []string) []made {
	var list []made
	for _, service := range services {
		d, err := n.decide(service)
		if err != nil {
			l.metrics.refused.Inc()
			l.say(service, "kept", err.Error())
			continue
		}
		if f := n.last[service]; !f.Time.Before(l.pace.From) {
			list = append(list, made{d, f})
		}
	}
	return list
}

// say logs who sets the weights of a service, when that changes.
func (l *Loop) say(service, source, reason string, more ...any) {
	if now := source + " " + reason; l.said[service] != now {
		l.said[service] = now
		l.cfg.Log.Info("decided", append([]any{"service", service, "source", source, "reason", reason}, more...)...)
	}
}
