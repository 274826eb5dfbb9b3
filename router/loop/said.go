package loop

import (
	"fmt"

	"github.com/fairway-mesh/fairway/router"
)

// sayAll logs who sets the weights of services, where that has changed. Many that change
// alike, as all do when what discovers them does not answer, are one line.
func (l *Loop) sayAll(all []router.Made) {
	var order []string
	alike := map[string][]*router.Decision{}
	for _, m := range all {
		d := m.Decision
		if l.said[d.Service] == who(d.Source.String(), string(d.Reason)) {
			continue
		}
		key := fmt.Sprint(d.Source, d.Reason, d.Policy, d.Notes)
		if alike[key] == nil {
			order = append(order, key)
		}
		alike[key] = append(alike[key], d)
	}
	for _, key := range order {
		l.sayAlike(alike[key])
	}
}

func (l *Loop) sayAlike(changed []*router.Decision) {
	if len(changed) <= examples {
		for _, d := range changed {
			l.say(d.Service, d.Source.String(), string(d.Reason), "policy", d.Policy, "notes", d.Notes)
		}
		return
	}
	var names []string
	for _, d := range changed {
		l.said[d.Service] = who(d.Source.String(), string(d.Reason))
		if len(names) < examples {
			names = append(names, d.Service)
		}
	}
	d := changed[0]
	l.cfg.Log.Info("decided", "services", len(changed), "examples", names, "source", d.Source.String(), "reason", string(d.Reason), "policy", d.Policy, "notes", d.Notes)
}

// who is what say remembers of a service.
func who(source, reason string) string { return source + " " + reason }
