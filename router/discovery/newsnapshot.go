package discovery

import (
	"cmp"
	"slices"
)

// NewSnapshot is the snapshot of these services, which are its own from then on.
func NewSnapshot(version uint64, services []*Service) *Snapshot {
	s := &Snapshot{version: version, services: slices.Clone(services), byName: map[string]*Service{}}
	slices.SortFunc(s.services, func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
	names := map[string]bool{}
	for _, service := range s.services {
		names[service.Name] = true
		s.byName[service.Name] = service
	}
	twice := map[string]bool{}
	for _, service := range s.services {
		for _, name := range service.Names {
			if names[name] || s.byName[name] == service {
				continue
			}
			twice[name] = twice[name] || s.byName[name] != nil
			s.byName[name] = service
		}
	}
	for name := range twice {
		if twice[name] {
			delete(s.byName, name)
		}
	}
	return s
}
