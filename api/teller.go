package api

// Teller is one proxy of which it is heard by another way than Report what it has in
// flight. It is for use by one goroutine at a time.
type Teller struct {
	server *Server
	teller *teller
}

// Teller returns a new one. Let it leave in the end.
func (s *Server) Teller() *Teller {
	return &Teller{s, s.inFlight.teller("", s.metrics.clock())}
}

// Tell says what the proxy has in flight at an endpoint that the table knows; others
// are left out. It stands until the next time, or for some seconds.
func (t *Teller) Tell(service, endpoint string, inFlight int64) {
	routes := t.server.table.Load(service)
	if name, known := find(routes, endpoint); known && inFlight >= 0 {
		t.server.inFlight.tell(t.teller, place{routes.Service, name}, inFlight, t.server.metrics.clock())
	}
}

// Leave forgets what was told.
func (t *Teller) Leave() { t.server.inFlight.leave(t.teller) }
