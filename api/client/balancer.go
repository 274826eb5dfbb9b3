package client

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Balancer picks the endpoints of one route with a picker, which hears what
// became of each request: the daemon's weights for the slow loop, the picker
// for the fast one. It is safe for concurrent use.
//
// The picker is told the weights that a Pick of the Client would use, and where
// it reads a board, the loads that came with them; on expired ones the board is
// empty, and it draws by the weights. It does not match requests: a Balancer is
// that of one route, and of callers of the Config's zone. An endpoint that is at the
// bound of the rules' circuit is not passed over, for the picker has counted it; the
// Choice is Full.
type Balancer struct {
	client         *Client
	service, route string
	start          time.Time

	mu        sync.Mutex
	picker    picker.Picker
	prober    picker.Prober      // nil when the picker is none
	reader    picker.BoardReader // nil when the picker is none
	table     *table             // whose weights the picker has
	from      From
	places    map[string]int // of the endpoints, by name; none is given to another
	endpoints []*fairwayv1.Endpoint
	open      []*atomic.Int64
	total     *atomic.Int64
	bounds    bounds
	is        *Route
	weights   mesh.Weights
	board     picker.Board
	asked     []int
}

// Balancer makes one for the named route of a service; of an empty or unknown
// name, for the one that every request matches. name is
// that of a picker with its parameters and overlays, as in "hot_cold:probes=2";
// proxies is how many processes balance the service's requests. It reports
// names that it does not know, and pickers that hold requests back, such as c3.
func (c *Client) Balancer(service, route, name string, proxies int) (*Balancer, error) {
	p, err := picker.Named(name, picker.Config{Weights: mesh.Weights{}, Proxies: proxies, Seed: c.roll()})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if _, holds := p.(picker.Throttler); holds {
		return nil, fmt.Errorf("client: picker %s holds requests back, which a Balancer cannot; use another", name)
	}
	b := &Balancer{client: c, service: service, route: route, start: c.cfg.Clock(), picker: p, from: Nothing, places: map[string]int{}}
	b.prober, _ = p.(picker.Prober)
	b.reader, _ = p.(picker.BoardReader)
	return b, nil
}

// Pick picks an endpoint for a request, which may be nil. Each Choice that has
// an endpoint wants a Done. Its propensity is not known, NaN. It does not
// allocate while the daemon's weights stay.
func (b *Balancer) Pick(r *mesh.Request) Choice {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh()
	if b.from == Nothing {
		return Choice{From: Nothing}
	}
	i := b.picker.Pick(b.now(), r)
	if i < 0 {
		return Choice{From: Nothing, Route: b.is}
	}
	c := Choice{Endpoint: b.endpoints[i], Route: b.is, Propensity: math.NaN(), From: b.from, open: b.open[i], total: b.total}
	c.Full = b.bounds.requests > 0 && c.total.Load() >= b.bounds.requests || b.bounds.endpoint > 0 && c.open.Load() >= b.bounds.endpoint
	return c
}

// Done tells what became of a request that was sent to an endpoint.
func (b *Balancer) Done(e *fairwayv1.Endpoint, o mesh.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, known := b.places[e.GetName()]; known {
		b.picker.Done(b.now(), i, o)
	}
}

// Probes appends the endpoints to ask about their load now, and says after how
// long it wants to be called again without a Pick; picker.Never if at no time.
// Call it after each Pick where the picker asks; of one that does not it is
// empty.
func (b *Balancer) Probes(dst []*fairwayv1.Endpoint) ([]*fairwayv1.Endpoint, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prober == nil {
		return dst, picker.Never
	}
	now := b.now()
	asked, next := b.prober.Probes(b.asked[:0], now)
	b.asked = asked
	for _, i := range asked {
		dst = append(dst, b.endpoints[i])
	}
	if next == picker.Never {
		return dst, next
	}
	return dst, max(next-now, 0)
}

// Probed brings what an endpoint answered to a probe.
func (b *Balancer) Probed(e *fairwayv1.Endpoint, l mesh.Load) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, known := b.places[e.GetName()]; known && b.prober != nil {
		b.prober.Probed(b.now(), i, l)
	}
}

func (b *Balancer) now() time.Duration { return b.client.cfg.Clock().Sub(b.start) }

// refresh gives the picker new weights where the daemon's have changed or
// expired. An endpoint that is gone keeps its place, with weight 0.
func (b *Balancer) refresh() {
	t := b.client.services.load(b.service)
	if t == nil {
		t = b.client.static[b.service]
	}
	var r *route
	from := Nothing
	if t != nil {
		if r = t.route(b.route); r != nil {
			_, from = r.share(b.client.cfg.Zone, t.expired.Load())
		}
	}
	if t == b.table && from == b.from {
		return
	}
	b.table, b.from, b.is = t, from, nil
	clear(b.weights)
	if from != Nothing {
		b.is, b.total, b.bounds = &r.Route, r.total, r.bounds
		b.place(r, from)
	}
	b.picker.Update(b.weights)
	if b.reader != nil {
		b.read(from == Weights)
	}
}

func (b *Balancer) place(r *route, from From) {
	s, _ := r.share(b.client.cfg.Zone, from == Equal)
	for k, e := range r.endpoints {
		i, known := b.places[e.Name]
		if !known {
			i = len(b.endpoints)
			b.places[e.Name] = i
			b.endpoints, b.weights, b.open = append(b.endpoints, nil), append(b.weights, 0), append(b.open, nil)
		}
		b.endpoints[i], b.open[i] = e, r.open[k] // its address may have changed
		b.weights[i] = s.weights[k]
	}
}

// read brings the board; an empty one where nothing is known any more.
func (b *Balancer) read(fresh bool) {
	b.board.Clear()
	if fresh && len(b.table.loads) > 0 {
		for _, e := range b.endpoints {
			inFlight, service, capacity := load(b.table.loads[e.Name])
			b.board.InFlight = append(b.board.InFlight, inFlight)
			b.board.Service, b.board.Capacity = append(b.board.Service, service), append(b.board.Capacity, capacity)
		}
	}
	b.reader.Board(b.board)
}

// load is what a message says of an endpoint; NaN where it says nothing, or
// nothing that can be.
func load(l *fairwayv1.EndpointLoad) (inFlight, service, capacity float64) {
	inFlight, service, capacity = math.NaN(), math.NaN(), math.NaN()
	if l == nil {
		return inFlight, service, capacity
	}
	if x := l.InFlight; x >= 0 && !math.IsInf(x, 0) {
		inFlight = x
	}
	if s := l.GetServiceTime().AsDuration().Seconds(); s > 0 {
		service = s
	}
	if x := l.Capacity; x > 0 && !math.IsInf(x, 0) {
		capacity = x
	}
	return inFlight, service, capacity
}
