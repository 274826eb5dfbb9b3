package discovery

import (
	"cmp"
	"slices"
)

// Snapshot is what was known at one time. It is never changed; any number of
// goroutines may read it.
type Snapshot struct {
	version  uint64
	services []*Service     // in the order of their names
	byName   map[string]int // index of services by each canonical name; −1: it is two services'
}

// NewSnapshot is one of services that nobody watches, such as those of a list that was
// asked for once. No two may have a Name in common; the slice is sorted.
func NewSnapshot(version uint64, services []*Service) *Snapshot {
	sortServices(services)
	return &Snapshot{version: version, services: services, byName: index(services)}
}

// Version counts the snapshots of a directory, from 1.
func (s *Snapshot) Version() uint64 { return s.version }

// Services lists all, in the order of their names. Do not write to it.
func (s *Snapshot) Services() []*Service {
	if s == nil {
		return nil
	}
	return s.services
}

// Service finds a service by any of its names that is no other's too, nil where there
// is none. A Name counts before Names. Names are compared as DNS does: without case,
// and without the dot that says that a name is whole.
func (s *Snapshot) Service(name string) *Service {
	if s == nil {
		return nil
	}
	if i, ok := s.byName[canonical(name)]; ok && i >= 0 {
		return s.services[i]
	}
	return nil
}

// Namesakes lists the Names of the services that a name is one of the Names of, where it
// is two services' and so means neither; in order.
func (s *Snapshot) Namesakes(name string) (list []string) {
	if s == nil {
		return nil
	}
	key := canonical(name)
	if i, ok := s.byName[key]; !ok || i >= 0 {
		return nil
	}
	for _, service := range s.services {
		if slices.ContainsFunc(service.Names, func(n string) bool { return canonical(n) == key }) {
			list = append(list, service.Name)
		}
	}
	return list
}

// Calls reports whether any service is called so, also where several are.
func (s *Snapshot) Calls(name string) bool {
	if s == nil {
		return false
	}
	_, is := s.byName[canonical(name)]
	return is
}

// named is the service whose Name it is.
func (s *Snapshot) named(key string) *Service {
	if i, ok := s.byName[key]; ok && i >= 0 && canonical(s.services[i].Name) == key {
		return s.services[i]
	}
	return nil
}

// with is the snapshot after this one. As long as services come by no other names,
// the index is that of this one.
func (s *Snapshot) with(changes []Change) *Snapshot {
	for _, c := range changes {
		if c.Old == nil || c.New == nil || c.Old.Name != c.New.Name || !slices.Equal(c.Old.Names, c.New.Names) {
			return NewSnapshot(s.version+1, replaced(s.services, changes))
		}
	}
	next := &Snapshot{version: s.version + 1, services: slices.Clone(s.services), byName: s.byName}
	for _, c := range changes {
		next.services[s.byName[canonical(c.New.Name)]] = c.New
	}
	return next
}

func replaced(services []*Service, changes []Change) []*Service {
	gone := make(map[*Service]bool, len(changes))
	next := make([]*Service, 0, len(services)+len(changes))
	for _, c := range changes {
		if c.Old != nil {
			gone[c.Old] = true
		}
		if c.New != nil {
			next = append(next, c.New)
		}
	}
	for _, service := range services {
		if !gone[service] {
			next = append(next, service)
		}
	}
	sortServices(next)
	return next
}

func sortServices(all []*Service) {
	slices.SortFunc(all, func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
}

// index finds services by name.
func index(services []*Service) map[string]int {
	byName := make(map[string]int, 4*len(services))
	for i, service := range services {
		byName[canonical(service.Name)] = i
	}
	for i, service := range services {
		for _, name := range service.Names {
			key := canonical(name)
			switch j, known := byName[key]; {
			case !known:
				byName[key] = i
			case j >= 0 && j != i && canonical(services[j].Name) != key:
				byName[key] = -1
			}
		}
	}
	return byName
}
