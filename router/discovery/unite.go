package discovery

import (
	"cmp"
	"slices"
	"strings"
)

// saying is what one source says of a service.
type saying struct {
	*Service
	hearsay bool
}

// unite is what several sources say of one service, in the order of belief; nil where
// none says anything. The first is believed in all but whether an endpoint is ready:
// there, the first of those who answer now.
func unite(said []saying) *Service {
	switch len(said) {
	case 0:
		return nil
	case 1:
		return said[0].Service
	}
	u := *said[0].Service
	u.Names, u.Endpoints = slices.Clone(u.Names), nil
	all := union{places: newPlaces(nil)}
	sources := make([]string, len(said))
	for i, s := range said {
		sources[i] = s.Source
		u.learn(s.Service)
		all.add(s)
	}
	u.Source = strings.Join(sources, "+")
	u.Endpoints = all.endpoints()
	return &u
}

// union is the endpoints of several sources.
type union struct {
	places
	all       []Endpoint
	fresh     []bool // by endpoint: its state is one's who answers
	seen      []bool // by endpoint: somebody has it at first hand
	firstHand bool   // somebody answers who has it at first hand
}

func (u *union) add(s saying) {
	u.firstHand = u.firstHand || !s.hearsay && !s.Stale
	own, at := newPlaces(s.Endpoints), make([]int, len(s.Endpoints))
	for k, e := range s.Endpoints {
		i := u.of(e, own)
		if i < 0 {
			i = len(u.all)
			u.all, u.fresh, u.seen = append(u.all, e), append(u.fresh, !s.Stale), append(u.seen, false)
		} else {
			u.all[i].learn(e)
			if !u.fresh[i] && !s.Stale {
				u.all[i].State, u.all[i].Leaves, u.fresh[i] = e.State, e.Leaves, true
			}
		}
		at[k], u.seen[i] = i, u.seen[i] || !s.hearsay
	}
	for _, i := range at { // now, for a source tells its own apart
		u.places.add(u.all[i], i)
	}
}

func (u *union) endpoints() []Endpoint {
	var all []Endpoint
	for i, e := range u.all {
		if u.seen[i] || !u.firstHand {
			all = append(all, e)
		}
	}
	sortEndpoints(all)
	return all
}

// learn adds what another source says and this one does not. It is stale only where
// both are.
func (s *Service) learn(of *Service) {
	s.Names = joined(s.Names, of.Names, s.Name)
	s.Namespace = cmp.Or(s.Namespace, of.Namespace)
	s.Port = cmp.Or(s.Port, of.Port)
	s.Version = cmp.Or(s.Version, of.Version)
	if of.Time.After(s.Time) {
		s.Time = of.Time
	}
	s.Stale = s.Stale && of.Stale
}

// places finds endpoints of a list.
type places struct {
	names, addresses map[string]int
	others           map[string]int // by all else; −1: several have it
	nowhere          map[int]bool   // those without an address
}

func newPlaces(all []Endpoint) places {
	n := len(all)
	p := places{make(map[string]int, n), make(map[string]int, n), make(map[string]int, n), map[int]bool{}}
	for i, e := range all {
		p.add(e, i)
	}
	return p
}

func (p places) add(e Endpoint, i int) {
	p.names[e.Name] = i
	if p.nowhere[i] = e.Address == ""; !p.nowhere[i] {
		if _, taken := p.addresses[e.Address]; !taken {
			p.addresses[e.Address] = i
		}
	}
	for _, name := range e.Names {
		if j, taken := p.others[name]; taken && j != i {
			p.others[name] = -1
		} else {
			p.others[name] = i
		}
	}
}

// of is where the endpoint is that e is: the one of its name, else that of its
// address; −1: nowhere. Where either has no address, so that no request could go to it,
// any name that both have, and no other of either list has, makes them one.
func (p places) of(e Endpoint, own places) int {
	if i, ok := p.names[e.Name]; ok {
		return i
	}
	if i, ok := p.addresses[e.Address]; ok && e.Address != "" {
		return i
	}
	for _, name := range append([]string{e.Name, e.Address}, e.Names...) {
		if own.others[name] < 0 {
			continue
		}
		for _, by := range []map[string]int{p.names, p.addresses, p.others} {
			if i, ok := by[name]; ok && i >= 0 && (e.Address == "" || p.nowhere[i]) {
				return i
			}
		}
	}
	return -1
}

// learn adds what another source says and this one does not.
func (e *Endpoint) learn(of Endpoint) {
	e.Address = cmp.Or(e.Address, of.Address)
	e.Subset = cmp.Or(e.Subset, of.Subset)
	e.Zone = cmp.Or(e.Zone, of.Zone)
	e.Names = joined(e.Names, append([]string{of.Name, of.Address}, of.Names...), e.Name, e.Address, "")
	if e.Labels == nil {
		e.Labels = of.Labels
	}
}

// joined is a list with what another has beside it and these. The lists are left as
// they are.
func joined(list, more []string, but ...string) []string {
	list = slices.Clip(list)
	for _, n := range more {
		if !slices.Contains(but, n) && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}
