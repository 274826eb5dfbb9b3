package api

import (
	"context"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Teller is one proxy, or several as one, of which it is heard by another way than
// Report what it has in flight and what became of its requests. It is safe for
// concurrent use.
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

// Outcome takes what became of one request, as Report does; ctx says who tells. It
// reports whether that made sense.
func (t *Teller) Outcome(ctx context.Context, r *fairwayv1.OutcomeReport) bool {
	who := ""
	if t.server.cfg.Who != nil {
		who = t.server.cfg.Who(ctx)
	}
	return t.server.report(r, t.teller, who)
}

// Leave forgets what was told.
func (t *Teller) Leave() { t.server.inFlight.leave(t.teller) }
