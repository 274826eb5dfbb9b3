package loop

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// past is what was decided of a service in a life before this one, or by another
// daemon, and serves until something is decided anew.
type past struct {
	made    router.Made
	decided time.Time // then
	metrics time.Time // of the newest that it was decided upon; zero: of none
	over    bool      // its weights are too old: the rules answer, for its endpoints
	unknown time.Time // when it was first seen that neither discovery nor rules know it, nor metrics; zero: they do
}

// Saved is what the table serves, for Restore; nil while there is nothing that a life
// before did not know as well. The error says that no metrics come: what was saved
// before, or by another daemon, is as good.
func (l *Loop) Saved() ([]byte, error) {
	l.mu.Lock()
	none, trouble := l.newest.IsZero(), l.trouble
	l.mu.Unlock()
	switch {
	case none:
		return nil, nil
	case trouble != nil:
		return nil, fmt.Errorf("no metrics come: %w", trouble)
	}
	return l.table.Look().Save()
}

// Restore serves what Saved returned, until each service is decided anew, for the
// endpoints and weights of then, under the rules that are in force now. All of it is
// marked router.Stale. The weights hold for as long as any memory does; then the rules
// answer for the same endpoints. Once there have been windows, or it was restored, it does
// nothing. An error leaves the table as it is.
func (l *Loop) Restore(text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun || l.restored != nil {
		return nil // what is known now is better
	}
	served, version, err := router.ReadSaved(text)
	if err != nil || len(served) == 0 {
		return err
	}
	l.restored = map[string]*past{}
	for _, m := range served {
		p := &past{made: m, decided: m.Decision.Time}
		if !m.Frame.End.IsZero() {
			p.metrics = m.Decision.Time.Add(-m.Decision.Age)
		}
		m.Decision.Notes = append(m.Decision.Notes, "decided at "+p.decided.UTC().Format(time.RFC3339)+", before this daemon began: no metrics have come since")
		l.restored[m.Decision.Service] = p
	}
	maps.DeleteFunc(l.former.last, func(service string, _ *features.Frame) bool { return l.restores(service) })
	for service := range l.restored {
		l.former.meet(service)
	}
	l.serveRestored(l.cfg.Clock(), every)
	l.ready.Store(true)
	l.cfg.Log.Info("what was served last serves on, until there are metrics", "services", len(served), "rules_then", version)
	return nil
}

// restores reports whether a service is served as in a life before.
func (l *Loop) restores(service string) bool {
	if len(l.restored) == 0 {
		return false
	}
	for _, name := range l.known.Names(service) {
		if l.restored[name] != nil {
			return true
		}
	}
	return l.restored[service] != nil || l.restored[l.former.rules.Canonical(service)] != nil
}

// relieve lets go of what a life before has decided of a service: there are metrics.
func (l *Loop) relieve(service string) {
	if len(l.restored) == 0 {
		return
	}
	name := l.former.rules.Canonical(service)
	maps.DeleteFunc(l.restored, func(other string, _ *past) bool {
		if other != service && l.former.rules.Canonical(other) != name && !l.known.Same(other, service) {
			return false
		}
		if other != service { // it is checked by the name that metrics have
			l.checks.leave(other, l.cfg.Clock())
		}
		return true
	})
}

// ageRestored serves what is restored anew, with the age that its metrics have by now.
func (l *Loop) ageRestored() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.restored) > 0 {
		l.serveRestored(l.cfg.Clock(), every)
	}
}

func every(string) bool { return true }

// serveRestored serves what is restored of some services, and has it checked.
func (l *Loop) serveRestored(now time.Time, some func(service string) bool) {
	var list []router.Made
	var over []string
	for _, service := range slices.Sorted(maps.Keys(l.restored)) {
		if !some(service) {
			continue
		}
		p := l.restored[service]
		d, f := p.made.Decision, p.made.Frame
		age := now.Sub(p.metrics)
		if age < -time.Minute || age > memoryLasts { // another daemon's clock may be ahead, a little
			if !p.over {
				p.over = true
				l.former.last[service] = &features.Frame{Window: mesh.Window{Service: service, Time: now, Schema: &mesh.Schema{}, Endpoints: d.Endpoints}}
				over = append(over, service)
			}
			continue
		}
		d.Time, f.Time, d.Age, d.Reason = now, now, max(0, age), router.Stale
		if age > l.cfg.Router.SlowStart { // who was not ready then may be dead since
			clear(d.Carries)
		}
		list = append(list, l.stand(p))
	}
	if len(list) > 0 {
		l.table.PublishAll(list, nil)
		l.followRestored()
	}
	if len(over) > 0 { // the rules answer, or whatever else does without metrics
		l.decide(over)
	}
}

// mark has decisions say that they are on endpoints of a life before.
func (l *Loop) mark(made []router.Made) {
	if len(l.restored) == 0 {
		return
	}
	for _, m := range made {
		if p := l.restored[m.Decision.Service]; p != nil {
			m.Decision.Reason = router.Stale
			m.Decision.Notes = append(m.Decision.Notes, fmt.Sprintf("its endpoints are those of %s, before this daemon began: no metrics have come since", p.decided.UTC().Format(time.RFC3339)))
			if !p.unknown.IsZero() {
				m.Decision.Notes = append(m.Decision.Notes, unknownNow)
			}
		}
	}
}

const unknownNow = "neither discovery nor metrics know this service any more: it is forgotten when they have not for 15 min"

// unknown forgets what is restored, and has gone since: what discovery, the rules and the
// metrics of this life do not know, for as long as who goes is remembered. While any of
// the places of discovery does not answer, or no metrics come, nobody goes.
func (l *Loop) unknown(now time.Time) {
	if len(l.restored) == 0 || !l.known.Answered() || l.trouble != nil || l.newest.IsZero() {
		return
	}
	var gone []string
	for service, p := range l.restored {
		switch {
		case l.former.rules.Names(l.former.rules.Canonical(service)), l.known.Means(service, l.former.rules) != "":
			p.unknown = time.Time{}
			p.made.Decision.Notes = slices.DeleteFunc(p.made.Decision.Notes, func(note string) bool { return note == unknownNow })
		case p.unknown.IsZero():
			p.unknown = now
			p.made.Decision.Notes = append(p.made.Decision.Notes, unknownNow)
			l.cfg.Log.Info(unknownNow, "service", service)
		case p.over && now.Sub(p.unknown) > router.Lingers:
			gone = append(gone, service)
		}
	}
	if len(gone) == 0 {
		return
	}
	for _, service := range gone {
		for _, n := range l.lines() {
			n.drop(service)
		}
	}
	l.table.Leave(gone...)
	l.leave()
}
