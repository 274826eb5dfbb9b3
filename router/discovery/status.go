package discovery

import "time"

// Status is how a source fares.
type Status struct {
	Name string
	// Up says that it answers and has told everything.
	Up bool
	// Trouble is why it does not answer; nil when it does, or has not been asked long.
	Trouble error
	// Synced is when it had last told everything; zero: never since the process began.
	Synced   time.Time
	Restarts int
	// Services are those that it has told of, of which so many are Stale.
	Services, Stale int
	// Endpoints are those of its services, by State.
	Endpoints [Draining + 1]int
}

// Sources is how each source fares, in the order of belief.
func (d *Directory) Sources() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]Status, len(d.all))
	for i, t := range d.all {
		s := Status{Name: t.source.Name(), Up: t.answers(), Trouble: t.trouble, Synced: t.synced, Restarts: t.restarts, Services: len(t.services)}
		if !s.Up {
			s.Stale = len(t.old)
		}
		for _, service := range t.services {
			for _, e := range service.Endpoints {
				s.Endpoints[min(e.State, Draining)]++
			}
		}
		all[i] = s
	}
	return all
}
