package discovery

import (
	"slices"
	"strings"
)

// unite is what several sources say of one service, in the order of belief; nil where
// none says anything. The first is believed in all but whether an endpoint is ready:
// there, the first of those who answer now.
func unite(said []*Service) *Service {
	switch len(said) {
	case 0:
		return nil
	case 1:
		return said[0]
	}
	u := *said[0]
	u.Names, u.Endpoints = slices.Clone(u.Names), slices.Clone(u.Endpoints)
	sources := []string{u.Source}
	fresh := make([]bool, len(u.Endpoints)) // by endpoint: its state is one's who answers
	for i := range fresh {
		fresh[i] = !u.Stale
	}
	for _, s := range said[1:] {
		sources = append(sources, s.Source)
		u.Names = joined(u.Names, s.Names, u.Name)
		if u.Namespace == "" {
			u.Namespace = s.Namespace
		}
		if u.Port == (Port{}) {
			u.Port = s.Port
		}
		if u.Version == "" {
			u.Version = s.Version
		}
		if s.Time.After(u.Time) {
			u.Time = s.Time
		}
		u.Stale = u.Stale && s.Stale
		for _, e := range s.Endpoints {
			i := same(u.Endpoints, e)
			if i < 0 {
				u.Endpoints, fresh = append(u.Endpoints, e), append(fresh, !s.Stale)
				continue
			}
			u.Endpoints[i].learn(e)
			if !fresh[i] && !s.Stale {
				u.Endpoints[i].State, fresh[i] = e.State, true
			}
		}
	}
	u.Source = strings.Join(sources, "+")
	sortEndpoints(u.Endpoints)
	return &u
}

// same is the endpoint of a list that e is: the one of its name, else that of its
// address; −1: none.
func same(all []Endpoint, e Endpoint) int {
	if i := slices.IndexFunc(all, func(a Endpoint) bool { return a.Name == e.Name }); i >= 0 || e.Address == "" {
		return i
	}
	return slices.IndexFunc(all, func(a Endpoint) bool { return a.Address == e.Address })
}

// learn adds what another source says and this one does not.
func (e *Endpoint) learn(of Endpoint) {
	for _, field := range []struct {
		to   *string
		from string
	}{{&e.Address, of.Address}, {&e.Subset, of.Subset}, {&e.Zone, of.Zone}} {
		if *field.to == "" {
			*field.to = field.from
		}
	}
	e.Names = joined(e.Names, append([]string{of.Name}, of.Names...), e.Name)
	if e.Labels == nil {
		e.Labels = of.Labels
	}
}

// joined is a list with what another has beside it and a name that both go by. The
// lists are left as they are.
func joined(list, more []string, name string) []string {
	list = slices.Clip(list)
	for _, n := range more {
		if n != name && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}
