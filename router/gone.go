package router

import (
	"cmp"
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
// beyond that while metrics or rules name it: a Prometheus shows a series for 5 min
// after its last sample, and a query of a range for that much longer.
const Lingers = 15 * time.Minute

// lose finds the services that are gone by those of their names that no other has, nor
// had: two that are gone and were called alike are found by neither's.
func (k *Known) lose() {
	var all []*discovery.Service
	for _, f := range k.services {
		if f.deleted {
			all = append(all, f.Service)
		}
	}
	k.lost = nil
	if len(all) > 0 {
		k.lost = discovery.NewSnapshot(k.snapshot.Version(), all)
	}
}

// then is the service as it is said to be now. What stale knowledge leaves out is not
// gone: it is of before.
func (f *found) then(service *discovery.Service) *found {
	next := &found{Service: service}
	if f == nil {
		return next
	}
	there, taken := make(map[string]*discovery.Endpoint, len(service.Endpoints)), make(map[string]bool, len(service.Endpoints))
	for i := range service.Endpoints {
		e := &service.Endpoints[i]
		there[e.Name], taken[e.Address] = e, true
	}
	gone := map[string]*goneEndpoint{}
	went := func(name string, e *goneEndpoint) { // of two that had one address, the later
		if other := gone[name]; other == nil || !other.since.IsZero() && (e.since.IsZero() || e.since.After(other.since)) {
			gone[name] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.gone)) {
		e := f.gone[name]
		switch at := there[name]; {
		case at == nil && !taken[name]:
			went(name, e)
		case at != nil && elsewhere(&e.Endpoint, at) && !taken[e.Address]: // a pod of a StatefulSet is back
			went(e.Address, &goneEndpoint{left(&e.Endpoint, at), e.since})
		}
	}
	if !service.Stale {
		for i := range f.Endpoints {
			e := &f.Endpoints[i]
			switch at := there[e.Name]; {
			case at == nil:
				went(e.Name, &goneEndpoint{Endpoint: *e})
			case elsewhere(e, at) && !taken[e.Address]:
				went(e.Address, &goneEndpoint{Endpoint: left(e, at)})
			}
		}
	}
	if len(gone) > 0 {
		next.gone = gone
	}
	return next
}

// elsewhere reports whether an endpoint has another address than before; another port of
// the same IP is no other place.
func elsewhere(old, now *discovery.Endpoint) bool {
	if was := ip(old.Address); was != "" && was == ip(now.Address) {
		return false
	}
	return old.Address != "" && now.Address != "" && old.Address != now.Address
}

// left is what is gone of an endpoint that has moved to another address: metrics show
// the old one for a while, as of somebody else.
func left(old, now *discovery.Endpoint) discovery.Endpoint {
	e := discovery.Endpoint{Endpoint: mesh.Endpoint{Name: old.Address, Address: old.Address}}
	for _, name := range old.Names {
		if !slices.Contains(now.Names, name) {
			e.Names = append(e.Names, name)
		}
	}
	return e
}

// Lost lists the Names of those that are gone, sorted.
func (k *Known) Lost() (names []string) {
	if k == nil {
		return nil
	}
	for _, s := range k.lost.Services() {
		names = append(names, s.Name)
	}
	return names
}

// Deleted reports whether a name means a service that discovery had and has no more.
func (k *Known) Deleted(service string) bool {
	f := k.find(service)
	return f != nil && f.deleted
}

// Seen is what metrics showed last of a service: its endpoints, as Members call them,
// at a time.
type Seen struct {
	Members   *Members
	Time      time.Time
	Endpoints []mesh.Endpoint
	Served    *Routes // of decisions that may be older; nil: none are
}

// decided are the endpoints that were decided upon, by both lines.
func (r *Routes) decided() (all []mesh.Endpoint) {
	if r == nil {
		return nil
	}
	if r.Decision != nil {
		all = r.Decision.Endpoints
	}
	if r.pair != nil {
		all = slices.Concat(all, r.pair.tried.decided())
	}
	return all
}

// Settle forgets of services what is gone from them and metrics cannot show any more.
// It returns k where there is nothing to forget.
func (k *Known) Settle(all ...Seen) *Known {
	var c *Known
	for _, s := range all {
		f := s.Members.from()
		if f == nil || len(f.gone) == 0 || k.services[f.Name] != f {
			continue
		}
		gone, changed := s.settle()
		if !changed {
			continue
		}
		if c == nil {
			c = k.copied()
		}
		c.services[f.Name] = &found{Service: f.Service, deleted: f.deleted, gone: gone}
	}
	if c == nil {
		return k
	}
	c.lose()
	return c
}

// settle is what is gone from a service, without what is to be forgotten.
func (s *Seen) settle() (gone map[string]*goneEndpoint, changed bool) {
	m := s.Members
	gone = make(map[string]*goneEndpoint, len(m.found.gone))
	for name, e := range m.found.gone {
		shown := func(seen mesh.Endpoint) bool { return cmp.Or(m.Called(seen), seen.Name) == m.called[name] }
		switch {
		case e.since.IsZero():
			gone[name], changed = &goneEndpoint{e.Endpoint, s.Time}, true
		case s.Time.Sub(e.since) <= Lingers, find(m.ruled.Endpoints, m.called[name]) != nil, slices.ContainsFunc(s.Endpoints, shown), slices.ContainsFunc(s.Served.decided(), shown):
			gone[name] = e
		default:
			changed = true
		}
	}
	return gone, changed
}

// Forget drops services, by their Names, that discovery has no more.
func (k *Known) Forget(names ...string) *Known {
	c := k.copied()
	for _, name := range names {
		if f := c.services[name]; f != nil && f.deleted {
			delete(c.services, name)
		}
	}
	c.naming = discovery.NewSnapshot(0, nil) // they go by other names than any did before
	c.lose()
	return c
}

// copied is k with services of its own.
func (k *Known) copied() *Known {
	c := *k
	c.services = maps.Clone(k.services)
	return &c
}
