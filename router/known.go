package router

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Known is what discovery says, and what it has said before of that which is gone,
// for as long as metrics can show it. It is never changed. A nil Known is that of
// nobody who discovers.
type Known struct {
	snapshot *discovery.Snapshot
	services map[string]*found   // by their Name
	lost     *discovery.Snapshot // services that are gone; nil: none is
	naming   *discovery.Snapshot // the first by whose names these services go
}

// found is one service. It is never changed.
type found struct {
	*discovery.Service
	deleted bool                     // it is gone: this is what was said of it last
	gone    map[string]*goneEndpoint // by Name: endpoints that it had, and has no more
}

// Then is what is known after another snapshot, and the Names of the services of
// which something is said that it was not before, sorted. Renamed says that services
// came, went, or are called otherwise.
func (k *Known) Then(s *discovery.Snapshot) (next *Known, changed []string, renamed bool) {
	next = &Known{snapshot: s, services: make(map[string]*found, len(s.Services()))}
	before := map[string]*found{}
	if k != nil {
		before, next.lost, next.naming = k.services, k.lost, k.naming
	}
	for _, service := range s.Services() {
		old := before[service.Name]
		if old != nil && !old.deleted && alike(old.Service, service) {
			next.services[service.Name] = old
			continue
		}
		changed = append(changed, service.Name)
		renamed = renamed || old == nil || old.deleted || !slices.Equal(old.Names, service.Names)
		next.services[service.Name] = old.then(service)
	}
	for name, old := range before {
		if next.services[name] != nil {
			continue
		}
		if next.services[name] = old; !old.deleted {
			changed, renamed = append(changed, name), true
			next.services[name] = &found{Service: old.Service, deleted: true, gone: old.gone}
		}
	}
	if renamed {
		next.naming = s
		next.lose()
	}
	slices.Sort(changed)
	return next, changed, renamed
}

// names are all names of the service, its Name the first.
func (f *found) names() []string { return append([]string{f.Name}, f.Names...) }

// alike reports whether two say the same to decisions.
func alike(a, b *discovery.Service) bool {
	if a == b {
		return true
	}
	x, y := *a, *b
	x.Version, x.Time, y.Version, y.Time = "", time.Time{}, "", time.Time{}
	return reflect.DeepEqual(&x, &y)
}

// sameNames reports whether services go by the names of before.
func (k *Known) sameNames(before *Known) bool {
	if k == nil || before == nil {
		return k == before
	}
	return k.naming == before.naming
}

// find is the service that a name means, nil where it means none, or two. It takes no
// lock and does not allocate.
func (k *Known) find(name string) *found {
	if k == nil {
		return nil
	}
	if s := k.snapshot.Service(name); s != nil {
		return k.services[s.Name]
	}
	if s := k.lost.Service(name); s != nil && !k.snapshot.Calls(name) {
		return k.services[s.Name]
	}
	return nil
}

// Blurred lists names, without ports, that meant one service before and mean none in
// next, since one of those that have changed is called so too.
func (k *Known) Blurred(next *Known, changed []string) (names []string) {
	if k == nil {
		return nil
	}
	for _, name := range changed {
		s := next.snapshot.Service(name)
		if s == nil {
			continue
		}
		for _, n := range s.Names {
			if !strings.ContainsAny(n, ":|") && k.snapshot.Service(n) != nil && next.snapshot.Service(n) == nil {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Namesakes lists the services that a name is the name of, where it means none for that.
func (k *Known) Namesakes(name string) []string {
	if k == nil {
		return nil
	}
	return k.snapshot.Namesakes(name)
}

// Unready is a note where no endpoint of a service is ready, or so few that others carry
// on by a decision; empty else, and for ports beside the one that requests go to, of which
// it would say the same again.
func (k *Known) Unready(m *Members, d *Decision) string {
	if m == nil || k.aside(m.found.Name) {
		return ""
	}
	return cmp.Or(m.unready(), d.Carried())
}

// Live lists the Names of the services that there are, sorted.
func (k *Known) Live() []string {
	if k == nil {
		return nil
	}
	var names []string
	for _, s := range k.snapshot.Services() {
		names = append(names, s.Name)
	}
	return names
}

// Answered reports whether services are discovered, all of them by who answers now.
func (k *Known) Answered() bool {
	if k == nil || len(k.snapshot.Services()) == 0 {
		return false
	}
	return !slices.ContainsFunc(k.snapshot.Services(), func(s *discovery.Service) bool { return s.Stale })
}

// Means is the Name of the service that decisions call so; empty: none is discovered,
// or two are.
func (k *Known) Means(service string, set *rules.Set) string {
	if f := k.meant(service, set); f != nil {
		return f.Name
	}
	return ""
}

// Names are all names of the service that one of them means; nil where it means none.
func (k *Known) Names(service string) []string {
	if f := k.find(service); f != nil {
		return f.names()
	}
	return nil
}

// Same reports whether two names mean one service that is discovered, or was.
func (k *Known) Same(a, b string) bool {
	f := k.find(a)
	return f != nil && f == k.find(b)
}

// meant is the service that a name means to the rules and to those who speak as they
// do. A short name in the rules is one of their own namespace.
func (k *Known) meant(service string, set *rules.Set) *found {
	if k == nil {
		return nil
	}
	home := set.Home()
	if home == "" || !set.Names(service) || strings.Contains(service, ".") {
		return k.find(service)
	}
	if f := k.find(service + "." + home); f != nil {
		return f
	}
	if f := k.find(service); f != nil && (f.Namespace == "" || f.Namespace == home) {
		return f
	}
	return nil
}

// Aliases are the names by which discovery knows services that the rules call
// otherwise, each with what the rules call it.
func (k *Known) Aliases(set *rules.Set) map[string]string {
	aliases := map[string]string{}
	for _, ruled := range set.Services() {
		f := k.meant(ruled, set)
		if f == nil {
			continue
		}
		for _, name := range f.names() {
			if _, taken := aliases[name]; !taken && k.find(name) == f {
				aliases[name] = ruled
			}
		}
	}
	return aliases
}

// Called is what a service that nobody sees metrics of is called in decisions: as the
// rules do, else by its Name.
func (k *Known) Called(name string, set *rules.Set) string {
	f := k.find(name)
	if f == nil {
		return name
	}
	for _, n := range f.names() {
		if ruled := set.Canonical(n); set.Names(ruled) && k.meant(ruled, set) == f {
			return ruled
		}
	}
	return f.Name
}
