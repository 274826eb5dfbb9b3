package router

import (
	"maps"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// goneEndpoint is one that discovery had. Since is by the time of the windows; zero
// until one has come.
type goneEndpoint struct {
	discovery.Endpoint
	since time.Time
}

// Lingers is how long an endpoint that is gone is remembered after it went, and
// beyond that while metrics name it: a Prometheus shows a series for 5 min after its
// last sample, and a query of a range for that much longer.
const Lingers = 15 * time.Minute

// lose finds the services that are gone by those of their names that no other has.
func (k *Known) lose() {
	k.lost = nil
	var live map[string]bool
	for _, f := range k.services {
		if !f.deleted {
			continue
		}
		if live == nil {
			live, k.lost = k.names(), map[string]*found{}
		}
		for _, name := range f.names() {
			if _, known := k.lost[name]; !known && !live[name] {
				k.lost[name] = f
			}
		}
	}
}

// names are all of the services that there are.
func (k *Known) names() map[string]bool {
	all := map[string]bool{}
	for _, s := range k.snapshot.Services() {
		all[s.Name] = true
		for _, name := range s.Names {
			all[name] = true
		}
	}
	return all
}

// then is the service as it is said to be now. What stale knowledge leaves out is not
// gone: it is of before.
func (f *found) then(service *discovery.Service) *found {
	next := &found{Service: service}
	if f == nil {
		return next
	}
	there := make(map[string]bool, len(service.Endpoints))
	for i := range service.Endpoints {
		there[service.Endpoints[i].Name] = true
	}
	gone := map[string]*goneEndpoint{}
	for name, e := range f.gone {
		if !there[name] {
			gone[name] = e
		}
	}
	if !service.Stale {
		for i := range f.Endpoints {
			if e := &f.Endpoints[i]; !there[e.Name] {
				gone[e.Name] = &goneEndpoint{Endpoint: *e}
			}
		}
	}
	if len(gone) > 0 {
		next.gone = gone
	}
	return next
}

// Lost lists the Names of those that are gone, sorted.
func (k *Known) Lost() (names []string) {
	if k == nil || k.lost == nil {
		return nil
	}
	for name, f := range k.services {
		if f.deleted {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Deleted reports whether a name means a service that discovery had and has no more.
func (k *Known) Deleted(service string) bool {
	f := k.find(service)
	return f != nil && f.deleted
}

// Settle forgets what metrics cannot show any more of what is gone from a service,
// whose newest window is of a time and shows these endpoints, as m calls them. It
// returns k where there is nothing to forget.
func (k *Known) Settle(m *Members, at time.Time, endpoints []mesh.Endpoint) *Known {
	if m == nil || len(m.found.gone) == 0 || k.services[m.found.Name] != m.found {
		return k
	}
	next, changed := make(map[string]*goneEndpoint, len(m.found.gone)), false
	for name, e := range m.found.gone {
		shown := func(seen mesh.Endpoint) bool { return seen.Name == m.called[name] }
		switch {
		case e.since.IsZero():
			next[name], changed = &goneEndpoint{e.Endpoint, at}, true
		case at.Sub(e.since) <= Lingers || slices.ContainsFunc(endpoints, shown):
			next[name] = e
		default:
			changed = true
		}
	}
	if !changed {
		return k
	}
	c := *k
	c.services = maps.Clone(k.services)
	c.services[m.found.Name] = &found{Service: m.found.Service, deleted: m.found.deleted, gone: next}
	c.lose()
	return &c
}

// Forget drops a service that discovery has no more.
func (k *Known) Forget(service string) *Known {
	f := k.find(service)
	if f == nil || !f.deleted {
		return k
	}
	c := *k
	c.services = maps.Clone(k.services)
	delete(c.services, f.Name)
	c.naming = nil
	c.lose()
	return &c
}
