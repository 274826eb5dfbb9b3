package discovery

// Snapshot is what was known at one time. It is never changed; any number of
// goroutines may read it.
type Snapshot struct {
	version  uint64
	services []*Service          // in the order of their names
	byName   map[string]*Service // by each name that is not two services'
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
// is none. A Name counts before Names.
func (s *Snapshot) Service(name string) *Service {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Endpoint finds the endpoint that is meant by a name or address: the one of that Name,
// else that of that Address, else the only one that has it among its Names. Nil when
// there is none.
func (s *Service) Endpoint(name string) *Endpoint {
	if s == nil {
		return nil
	}
	var found *Endpoint
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Name == name || e.Address == name {
			return e
		}
		for _, n := range e.Names {
			if n != name {
				continue
			}
			if found != nil && found != e {
				return nil
			}
			found = e
		}
	}
	return found
}
