package loop

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// Know takes in what is discovered: services of which something is said that it was
// not before are decided upon anew, at once and as one edition of the table, on their
// last metrics; those that nobody has seen metrics of, without any. A snapshot that
// says nothing new publishes nothing.
//
// It does not make the loop Ready: there may be metrics to decide upon in a moment.
//
// It does not wait for decisions that are under way: who makes them takes the snapshot in
// between two services, or a newer one that has come until then.
func (l *Loop) Know(s *discovery.Snapshot) { l.mu.leave(s) }

// know is Know, while the lock is held.
func (l *Loop) know(s *discovery.Snapshot) {
	known, changed, renamed := l.known.Then(s)
	if len(changed) == 0 {
		return
	}
	l.sayBlurred(known, changed)
	l.known = known
	services := l.former.know(known, renamed, l.now(), l.restores)
	if l.tried != nil {
		services = append(services, l.tried.know(known, renamed, l.now(), l.restores)...)
		slices.Sort(services)
		services = slices.Compact(services)
	}
	l.refresh(services)
	l.move(services)
	l.publish(services, func(former, tried []router.Made) { l.table.PublishKnown(known, former, tried) })
	l.followRestored()                                  // at the addresses that are known now
	if l.now().Sub(l.settled).Abs() >= withoutMetrics { // flips come many times a second
		l.settle()
	}
}

// move notes that slow starts may be under way in services.
func (l *Loop) move(services []string) {
	if l.moved == nil {
		l.moved = map[string]time.Time{}
	}
	for _, service := range services {
		l.moved[service] = l.cfg.Clock()
	}
}

// moves reports whether a slow start may be under way since discovery last said
// anything new of a service.
func (l *Loop) moves(service string) bool {
	at, is := l.moved[service]
	if is && l.cfg.Clock().Sub(at) > l.cfg.Router.SlowStart+withoutMetrics {
		delete(l.moved, service)
		return false
	}
	return is
}

// refresh makes the last frames of services ones of now. Where metrics are live, they
// have aged; a recording has its own time.
func (l *Loop) refresh(services []string) {
	if !l.cfg.Live {
		return
	}
	now := l.cfg.Clock()
	for _, n := range l.lines() {
		for _, service := range services {
			if f := n.last[service]; f != nil && now.After(f.Time) {
				f.Time = now
			}
		}
	}
}

// settle forgets what is gone from discovery and cannot be in metrics any more.
func (l *Loop) settle() {
	if l.known == nil {
		return
	}
	now := l.now()
	l.settled = now
	l.unknown(now)
	var all []router.Seen
	for service, f := range l.former.last {
		at := f.Time
		if f.End.IsZero() { // a frame without metrics is of when it was made
			at = now
		}
		seen := router.Seen{Members: l.former.Members(service), Time: at, Endpoints: f.Endpoints, Served: l.table.Load(service)}
		if l.tried != nil && l.tried.last[service] != nil {
			seen.Endpoints = slices.Concat(f.Endpoints, l.tried.last[service].Endpoints)
		}
		all = append(all, seen)
	}
	l.replace(l.known.Settle(all...))
	lost := l.known.Lost()
	if len(lost) == 0 {
		return
	}
	lingers := map[string]bool{}
	for service, p := range l.restored {
		if !p.over {
			lingers[l.known.Means(service, l.former.rules)] = true
		}
	}
	var left []string
	for _, n := range l.lines() {
		left = append(left, n.linger(now, lingers)...)
	}
	lost = slices.DeleteFunc(lost, func(name string) bool { return lingers[name] })
	if len(lost) > 0 {
		l.replace(l.known.Forget(lost...))
		slices.Sort(left)
		l.publish(slices.Compact(left), func(former, tried []router.Made) { l.table.PublishKnown(l.known, former, tried) })
	}
}

// replace takes over what says the same of all services, but of what is gone.
func (l *Loop) replace(k *router.Known) {
	if k == l.known {
		return
	}
	l.known = k
	for _, n := range l.lines() {
		n.known = k
		for service := range n.members {
			n.Members(service)
		}
	}
}

// lines are those that decide.
func (l *Loop) lines() []*line {
	if l.tried == nil {
		return []*line{l.former}
	}
	return []*line{l.former, l.tried}
}

// Members implements router.Found, for the policy of the line.
func (n *line) Members(service string) *router.Members {
	m := n.known.Members(service, n.rules, n.members[service])
	if m != nil {
		n.members[service] = m
	} else {
		delete(n.members, service)
	}
	return m
}

// know takes in what is discovered, and returns the services to decide anew: those of
// which something else was known, and those that have come. Of those that are left out no
// frame is made.
func (n *line) know(k *router.Known, renamed bool, now time.Time, leave func(service string) bool) (services []string) {
	n.known = k
	if renamed {
		k.Teach(n.rules)
	}
	for service, f := range n.last {
		before := n.members[service]
		m := n.Members(service)
		if m == before {
			continue
		}
		switch {
		case !f.End.IsZero():
			n.rename(service, m.Names(f.Endpoints))
		case m == nil && !n.rules.Names(service) || k.Deleted(service) && !n.rules.Names(service):
			n.drop(service)
			continue
		default:
			n.bare(service, now)
		}
		services = append(services, service)
	}
	if renamed {
		services = append(services, n.found(k.Live(), now, leave)...)
	}
	slices.Sort(services)
	return services
}

// found makes frames without metrics of the services of these Names that have none, and
// are not left out.
func (n *line) found(names []string, now time.Time, leave func(service string) bool) (services []string) {
	seen := map[string]bool{}
	for service := range n.last {
		seen[n.known.Means(service, n.rules)] = true
	}
	for _, name := range names {
		if !seen[name] && !n.known.Deleted(name) && (leave == nil || !leave(name)) {
			service := n.known.Called(name, n.rules)
			n.bare(service, now)
			services = append(services, service)
		}
	}
	return services
}

// bare makes a frame without metrics of a service, of the endpoints that rules and
// discovery know.
func (n *line) bare(service string, now time.Time) {
	n.last[service] = &features.Frame{Window: mesh.Window{Service: service, Time: now, Schema: &mesh.Schema{}, Endpoints: n.Members(service).Endpoints(n.rules.Service(service).Service.Endpoints)}}
}

// rename gives the endpoints of the last frame of a service other names, and what the
// extractor and the policy remember of them; nil leaves them as they are.
func (n *line) rename(service string, names []string) {
	if names == nil {
		return
	}
	f := n.last[service]
	before := make([]string, len(names))
	for i, name := range names {
		before[i] = f.Endpoints[i].Name
		n.extractor.Rename(service, before[i], name)
	}
	router.Rename(n.policy, service, before, names)
	n.course.Rename(service, before, names)
	f.Rename(names)
}

// meet makes way for the first metrics of a service, of which there may be a frame
// without any by another name.
func (n *line) meet(service string) {
	if n.last[service] != nil {
		return
	}
	for _, other := range []string{n.rules.Canonical(service), n.known.Called(service, n.rules)} {
		if f := n.last[other]; f != nil && f.End.IsZero() {
			n.drop(other)
		}
	}
}

// drop forgets a service.
func (n *line) drop(service string) {
	delete(n.last, service)
	delete(n.made, service)
	delete(n.members, service)
	n.extractor.Forget(service)
	n.course.Forget(service)
	router.Forget(n.policy, service)
	n.dropped = append(n.dropped, service)
}

// linger notes the Names of the services that are gone, and that metrics can still show
// at a time. Of the others those are left, without metrics, that rules name.
func (n *line) linger(now time.Time, lingers map[string]bool) (left []string) {
	for service, f := range n.last {
		switch {
		case !n.known.Deleted(service):
		case !f.End.IsZero() && now.Sub(f.End) <= router.Lingers:
			lingers[n.known.Means(service, n.rules)] = true
		case !n.rules.Names(service):
			n.drop(service)
		case !f.End.IsZero():
			n.bare(service, now)
			left = append(left, service)
		}
	}
	return left
}
