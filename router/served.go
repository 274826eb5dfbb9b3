package router

import (
	"cmp"
	"maps"
	"slices"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Know serves what is discovered from now on, with the decisions that are there:
// services and endpoints that nobody names else, under every name that they have. A
// snapshot that says nothing new changes nothing. Who decides anew for it publishes
// both at once by PublishKnown.
func (t *Table) Know(s *discovery.Snapshot) {
	t.write(func(next *edition) {
		k, changed, _ := next.known.Then(s)
		if len(changed) == 0 {
			next.idle = true
			return
		}
		var all []Seen
		for _, r := range next.services {
			if r.Decision != nil {
				all = append(all, Seen{Members: k.Members(r.Service, next.set, r.members), Time: r.Decision.Time, Endpoints: r.Decision.Endpoints})
			}
		}
		outdated := next.know(k.Settle(all...))
		next.publish(nil, nil, outdated, maps.Clone(next.services), t.cfg)
	})
}

// PublishKnown is PublishAll of decisions that were made on what is known by then,
// which is served with them.
func (t *Table) PublishKnown(k *Known, former, tried []Made) {
	t.write(func(next *edition) {
		outdated := next.know(k)
		next.publish(former, tried, outdated, maps.Clone(next.services), t.cfg)
	})
}

// Leave serves services no more of which nobody knows anything any more.
func (t *Table) Leave(services ...string) {
	t.write(func(next *edition) {
		for _, service := range services {
			delete(next.services, service)
		}
		next.renamed = true
		next.serve()
		var anew []string
		for service, routes := range next.services {
			if routes == nil || next.borrows(service) {
				anew = append(anew, service)
			}
		}
		next.publish(nil, nil, anew, maps.Clone(next.services), t.cfg)
	})
}

// know takes over what is known, and the names that services have by it. Those of
// which something else was known are outdated.
func (e *edition) know(k *Known) (outdated []string) {
	before := e.known
	e.known = k
	if before == nil || before.naming != k.naming || len(k.Lost()) > 0 {
		e.name()
	}
	for service := range e.services {
		if e.outdated(service) {
			outdated = append(outdated, service)
		}
	}
	return outdated
}

// name serves services by the names that they have now.
func (e *edition) name() {
	e.known.Teach(e.set)
	if e.trial != nil {
		e.known.Teach(e.trial.set)
	}
	for service, routes := range e.services {
		if as := e.asDecided(service, routes); as != service {
			delete(e.services, service)
			if other := e.services[as]; !other.measured() {
				e.services[as] = routes
			}
		}
	}
	e.serve()
}

// Teach tells rules the names that discovery knows their services by.
func (k *Known) Teach(set *rules.Set) {
	if k != nil && set != nil {
		set.Also(k.Aliases(set))
	}
}

// asDecided is what a service is served as that decisions call so.
func (e *edition) asDecided(service string, routes *Routes) string {
	if routes != nil && routes.Decision != nil {
		service = routes.Decision.Service
	}
	return e.set.Canonical(service)
}

// measured reports whether metrics were decided upon.
func (r *Routes) measured() bool { return r != nil && r.Frame != nil && !r.Frame.End.IsZero() }

// lingers reports whether metrics can still show the service.
func (r *Routes) lingers() bool { return r.measured() && r.Decision.Time.Sub(r.Frame.End) <= Lingers }

// outdated reports whether a service is not served as it is known now.
func (e *edition) outdated(service string) bool {
	r := e.services[service]
	return r == nil || r.Service != service || r.members.from() != e.known.meant(service, e.set)
}

// serve finds what each discovered service is served as: as the rules call it, else as
// metrics do, else by its Name. What was served of it before by other names, and by no
// metrics, is no more; so is what is gone from discovery, and nobody else names.
func (e *edition) serve() {
	if e.known == nil {
		return
	}
	e.renamed, e.served = true, make(map[string]string, len(e.known.services))
	for _, service := range slices.Sorted(maps.Keys(e.services)) {
		if f := e.known.meant(service, e.set); f != nil {
			if other, taken := e.served[f.Name]; !taken || e.stronger(service, other) {
				e.served[f.Name] = service
			}
		}
	}
	for service, routes := range e.services {
		f := e.known.meant(service, e.set)
		switch over := e.over(routes, f); {
		case over && e.set.Names(service):
			if routes != nil && routes.Decision != nil { // on those who are no more; the rules are left
				e.services[service] = nil
			}
		case over, f != nil && !e.set.Names(service) && e.served[f.Name] != service && !routes.measured():
			delete(e.services, service)
		}
	}
	for _, name := range e.known.Live() {
		if as, is := e.served[name]; !is || as == "" {
			e.services[name], e.served[name] = nil, name
		}
	}
}

// over reports whether a service that discovery has as f, nil: not at all, is gone, and
// not to be seen in metrics any more: Known has forgotten it by then.
func (e *edition) over(routes *Routes, f *found) bool {
	if f != nil {
		return f.deleted && !routes.lingers()
	}
	was := routes.listed().from()
	return was != nil && was.deleted
}

// stronger reports whether one name of a service goes before another: that of the rules,
// of metrics, of what was decided last.
func (e *edition) stronger(a, b string) bool {
	if x, y := e.set.Names(a), e.set.Names(b); x != y {
		return x
	}
	one, other := e.services[a], e.services[b]
	if x, y := one.measured(), other.measured(); x != y {
		return x
	}
	return one != nil && other != nil && one.Version > other.Version
}

// triedAs is what a service is served as that the line on trial calls so.
func (e *edition) triedAs(service string) string {
	service = e.set.Canonical(service)
	if _, is := e.services[service]; is {
		return service
	}
	if f := e.known.meant(service, e.trial.set); f != nil {
		return cmp.Or(e.served[f.Name], service)
	}
	return service
}
