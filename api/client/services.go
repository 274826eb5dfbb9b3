package client

import (
	"maps"
	"sync"
	"sync/atomic"
)

// services finds the table of a service without a lock. Its map is replaced,
// never written; services that are new wait in a second one until they have
// been asked for about as often as there are of them, so that 10,000 that come
// one after the other are not copied 10,000 times.
type services struct {
	known   atomic.Pointer[map[string]*service]
	waiting atomic.Bool // all has more than known
	mu      sync.Mutex  // held to use what follows
	all     map[string]*service
	misses  int
}

// service is what is known of one.
type service struct {
	table  atomic.Pointer[table]
	mu     sync.Mutex
	places map[string]*atomic.Int64 // requests in flight, by endpoint; those of the newest table
	total  atomic.Int64             // and at all endpoints
}

func (s *services) load(name string) *table {
	if found := (*s.known.Load())[name]; found != nil {
		return found.table.Load()
	}
	if !s.waiting.Load() {
		return nil
	}
	return s.wait(name)
}

func (s *services) wait(name string) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[name]
	if found == nil {
		return nil
	}
	if s.misses++; s.misses >= len(s.all)-len(*s.known.Load()) {
		next := maps.Clone(s.all)
		s.known.Store(&next)
		s.waiting.Store(false)
		s.misses = 0
	}
	return found.table.Load()
}

// at returns the service of that name, made when it is new.
func (s *services) at(name string) *service {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[name]
	if found == nil {
		found = &service{}
		s.all[name] = found
		s.waiting.Store(true)
	}
	return found
}

// take puts a new table in force.
func (s *service) take(t *table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := make(map[string]*atomic.Int64, len(t.of.GetEndpoints()))
	for i := range t.routes {
		r := &t.routes[i]
		for j, e := range r.endpoints {
			if places[e.Name] == nil {
				if places[e.Name] = s.places[e.Name]; places[e.Name] == nil {
					places[e.Name] = new(atomic.Int64)
				}
			}
			r.open[j] = places[e.Name]
		}
		r.total = &s.total
		r.fresh.place(r)
		r.equal.place(r)
		for k := range r.zones {
			r.zones[k].fresh.place(r)
			r.zones[k].equal.place(r)
		}
	}
	s.places = places
	s.table.Store(t)
}

// place readies what is picked.
func (s *share) place(r *route) {
	s.spots = make([]spot, len(s.weights))
	for i, w := range s.weights {
		s.spots[i] = spot{r.endpoints[i], r.open[i], w}
	}
}
