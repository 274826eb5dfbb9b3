package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Presence is what discovery says of an endpoint, the readiest first.
type Presence uint8

const (
	Unlisted Presence = iota // nothing
	Ready
	Draining // takes requests only where nobody is ready, or where it was needed before
	NotReady // only where nobody is draining either, or where few are ready: see Eject
	Gone     // never: it was there, and is no more
)

// says is the presence in words.
func (p Presence) says() string { return [...]string{"", "ready", "draining", "not ready", "gone"}[p] }

func presenceOf(s discovery.State) Presence {
	switch s {
	case discovery.NotReady:
		return NotReady
	case discovery.Draining:
		return Draining
	}
	return Ready
}

// Members are the endpoints of one service as discovery has them, each by the name
// that decisions have for it: the rules', where they name it, else discovery's own.
// They are never changed. Nil are those of a service that is not discovered: then
// nothing is known of anybody.
type Members struct {
	found  *found
	ruled  *rules.Service
	list   []Member          // in the order of their names
	byName map[string]int    // places in list
	called map[string]string // whom a name or an address means; empty: two endpoints
	least  Presence          // of those that serve
}

// Member is one of Members.
type Member struct {
	mesh.Endpoint
	Labels   map[string]string
	Presence Presence
	Leaves   bool // it is not ready, and told to go
}

// Members are the endpoints of the service that a name means, in the words of the
// rules. Last are those of before, which are theirs still where nothing has changed.
func (k *Known) Members(service string, set *rules.Set, last *Members) *Members {
	f, ruled := k.meant(service, set), set.Service(service).Service
	switch {
	case f == nil:
		return nil
	case last != nil && last.found == f && last.ruled == ruled:
		return last
	}
	m := &Members{found: f, ruled: ruled, called: make(map[string]string, 6*len(f.Endpoints))}
	m.call()
	for i := range f.Endpoints {
		m.add(&f.Endpoints[i], presenceOf(f.Endpoints[i].State))
	}
	for _, e := range f.gone {
		m.add(&e.Endpoint, Gone)
	}
	m.rename()
	m.sort()
	m.choose()
	return m
}

// from is the service that they are of.
func (m *Members) from() *found {
	if m == nil {
		return nil
	}
	return m.found
}

func (m *Members) add(e *discovery.Endpoint, p Presence) {
	if m.found.deleted && p != Gone { // of a service that is gone nobody knows who is left
		p = Unlisted
	}
	m.list = append(m.list, Member{Endpoint: e.Endpoint, Labels: e.Labels, Presence: p, Leaves: e.Leaves})
}

func (m *Members) sort() {
	slices.SortStableFunc(m.list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	m.byName = make(map[string]int, len(m.list))
	for i, e := range m.list {
		if _, twice := m.byName[e.Name]; !twice {
			m.byName[e.Name] = i
		}
		m.list[i].Subset = m.subset(&m.list[i])
	}
}

// subset is what an endpoint's labels say, to the rules before anybody else.
func (m *Members) subset(e *Member) string {
	for i := range m.ruled.Subsets {
		if s := &m.ruled.Subsets[i]; len(s.Labels) > 0 && s.Selects(e.Labels) {
			return s.Name
		}
	}
	if e.Subset != "" {
		return e.Subset
	}
	for _, label := range rules.VersionLabels {
		if v := e.Labels[label]; v != "" {
			return v
		}
	}
	return ""
}

// choose finds who serves: the ready ones, or those that come nearest to it.
func (m *Members) choose() {
	m.least = NotReady
	for i := range m.list {
		if p := m.list[i].Presence; p != Unlisted {
			m.least = min(m.least, p)
		}
	}
}

// of is the member of a name; nil: there is none.
func (m *Members) of(name string) *Member {
	if m == nil {
		return nil
	}
	if i, is := m.byName[name]; is {
		return &m.list[i]
	}
	return nil
}

// Presence is what discovery says of an endpoint by the name that decisions have.
func (m *Members) Presence(name string) Presence {
	if e := m.of(name); e != nil {
		return e.Presence
	}
	return Unlisted
}

// Serves reports whether an endpoint takes requests, as far as discovery says: who is
// not ready does where nobody is.
func (m *Members) Serves(name string) bool {
	return m == nil || m.Presence(name) <= m.least
}

// Endpoints lists who is there, in the order of their names, and with them those that
// only the rules name. One that these name twice, by other names, is one.
func (m *Members) Endpoints(ruled []rules.Endpoint) (all []mesh.Endpoint) {
	for _, e := range ruled {
		if m.of(e.Name) == nil && m.Called(e.Endpoint) == "" {
			all = append(all, e.Endpoint)
		}
	}
	if m != nil {
		for i := range m.list {
			if m.there(i) {
				all = append(all, m.list[i].Endpoint)
			}
		}
	}
	return all
}

// there reports whether discovery has the i-th of the list.
func (m *Members) there(i int) bool { return !m.found.deleted && m.list[i].Presence != Gone }

// why is what discovery says against an endpoint; empty where it says nothing.
func (m *Members) why(name string) string {
	if p := m.Presence(name); p > Ready {
		return fmt.Sprintf("%s, says %s", p.says(), m.found.Source)
	}
	return ""
}

// Stale reports whether they are of before: who knows the service does not answer.
func (m *Members) Stale() bool { return m != nil && m.found.Stale && !m.found.deleted }

// notes says what a person should know of who serves.
func (m *Members) notes() (list []string) {
	switch {
	case m == nil:
	case m.found.deleted:
		list = append(list, fmt.Sprintf("%s has this service no more: what the metrics show of it serves", m.found.Source))
	case m.Stale():
		list = append(list, fmt.Sprintf("%s does not answer: this is what it said before", m.found.Source))
	}
	if note := m.unready(); note != "" {
		list = append(list, note)
	}
	return list
}

// unready says who serves where no endpoint is ready; empty where one is, or there is none.
func (m *Members) unready() string {
	if m == nil || m.found.deleted || len(m.found.Endpoints) == 0 || m.least <= Ready {
		return ""
	}
	return fmt.Sprintf("no endpoint is ready, says %s: those that are %s serve", m.found.Source, m.least.says())
}
