package client

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// table is what a daemon said of one service, made ready for picking. It is
// not changed, but for its lease.
type table struct {
	of     *fairwayv1.ServiceWeights
	routes []route
	loads  map[string]*fairwayv1.EndpointLoad // by endpoint
	unread []error                            // rules that are not understood
	lease
}

type route struct {
	match rules.Match // what every pick reads stands together
	taken bool        // its criteria are met, and its conditions understood
	all   bool        // every request matches
	from  From
	fresh share
	Route
	equal  share
	hashes []uint64 // of the endpoints' names, for session keys

	endpoints []*fairwayv1.Endpoint
	open      []*atomic.Int64 // per endpoint, see service.places
}

// share is what each endpoint of a route gets; it sums to 1, or is empty.
type share struct {
	draw    picker.Alias
	spots   []spot // per endpoint
	weights []float64
}

// spot is what a Choice is made of.
type spot struct {
	endpoint *fairwayv1.Endpoint
	open     *atomic.Int64
	weight   float64
}

// newTable takes any message: weights that are no numbers or negative count as
// 0, an endpoint that stands twice gets both weights, and what is not in the
// list of endpoints gets none. A route that has lost all its endpoints keeps
// those of the former table: an empty set is a fault of what finds the
// endpoints more often than it is the truth, and an endpoint that may be there
// is better than none. former and static may be nil.
func newTable(w *fairwayv1.ServiceWeights, former, static *table) *table {
	t := &table{of: w, routes: make([]route, 0, len(w.GetRoutes())), loads: map[string]*fairwayv1.EndpointLoad{}}
	byName := make(map[string]*fairwayv1.Endpoint, len(w.GetEndpoints()))
	for _, e := range w.GetEndpoints() {
		if e.GetName() != "" {
			byName[e.Name] = e
		}
	}
	for _, rw := range w.GetRoutes() {
		r := newRoute(w, rw, byName)
		if match, err := conditions(rw); err != nil {
			r.taken = false
			t.unread = append(t.unread, err)
		} else {
			r.match = match
		}
		if len(r.endpoints) == 0 {
			r.keep(former, static)
		}
		t.routes = append(t.routes, r)
	}
	for _, l := range w.GetLoads() {
		if l != nil {
			t.loads[l.Endpoint] = l
		}
	}
	return t
}

func newRoute(w *fairwayv1.ServiceWeights, rw *fairwayv1.RouteWeights, byName map[string]*fairwayv1.Endpoint) route {
	r := route{
		Route: Route{
			Name: rw.GetName(), Priority: int(rw.GetPriority()), Retries: int(rw.GetRetries()),
			Timeout: rw.GetTimeout().AsDuration(), Of: w,
		},
		taken: rw.GetMet() || rw.GetMatchesAll(), all: rw.GetMatchesAll(), from: Weights,
	}
	places := make(map[string]int, len(rw.GetWeights()))
	var weights []float64
	for _, ew := range rw.GetWeights() {
		e := byName[ew.GetEndpoint()]
		if e == nil {
			continue
		}
		i, twice := places[e.Name]
		if !twice {
			i = len(r.endpoints)
			places[e.Name] = i
			r.endpoints, weights = append(r.endpoints, e), append(weights, 0)
		}
		weights[i] += sane(ew.GetWeight())
	}
	r.weigh(weights)
	return r
}

// sane is a weight that can be summed.
func sane(w float64) float64 {
	if !(w > 0) { // or NaN
		return 0
	}
	return min(w, 1e300)
}

// weigh readies both shares of the route's endpoints.
func (r *route) weigh(weights []float64) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	for i := range weights {
		switch {
		case sum == 0:
			weights[i] = 1 / float64(len(weights))
		case math.Abs(sum-1) > 1e-9: // else they are the daemon's propensities, to the last bit
			weights[i] /= sum
		}
	}
	r.fresh = newShare(weights)
	r.equal = newShare(equal(r.endpoints, weights))
	r.open = make([]*atomic.Int64, len(r.endpoints))
	r.hashes = make([]uint64, len(r.endpoints))
	for i, e := range r.endpoints {
		r.hashes[i] = picker.Hash(e.Name)
	}
}

func newShare(weights []float64) share {
	return share{weights: weights, draw: picker.NewAlias(weights)}
}

// equal keeps what each subset gets, which a rule may have bound, and shares
// it alike among the subset's endpoints.
func equal(endpoints []*fairwayv1.Endpoint, weights []float64) []float64 {
	sum, count := map[string]float64{}, map[string]float64{}
	for i, e := range endpoints {
		sum[e.Subset] += weights[i]
		count[e.Subset]++
	}
	out := make([]float64, len(weights))
	for i, e := range endpoints {
		out[i] = sum[e.Subset] / count[e.Subset]
	}
	return out
}

// keep takes the endpoints that the route of that name had before, else the
// static ones.
func (r *route) keep(former, static *table) {
	for _, t := range []*table{former, static} {
		if t == nil {
			continue
		}
		old := t.route(r.Name)
		if old == nil || len(old.endpoints) == 0 || t == former && old.Name != r.Name {
			continue
		}
		r.endpoints, r.open, r.hashes, r.fresh, r.equal = old.endpoints, make([]*atomic.Int64, len(old.endpoints)), old.hashes, old.equal, old.equal
		r.from = Equal
		if old.from == Static {
			r.from = Static
		}
		return
	}
	r.from = Nothing
}

// route finds a route by its name; of an empty or unknown name, the one that
// every request matches. nil where there is none.
func (t *table) route(name string) *route {
	var fallback *route
	for i := range t.routes {
		r := &t.routes[i]
		if name != "" && r.Name == name {
			return r
		}
		if r.all && fallback == nil {
			fallback = r
		}
	}
	return fallback
}

// staticTable shares a service alike among the endpoints of the Config.
func staticTable(name string, endpoints []mesh.Endpoint) *table {
	w := &fairwayv1.ServiceWeights{Service: name}
	rw := &fairwayv1.RouteWeights{Name: rules.Default, MatchesAll: true}
	for _, e := range endpoints {
		w.Endpoints = append(w.Endpoints, &fairwayv1.Endpoint{Name: e.Name, Address: e.Address, Zone: e.Zone, Subset: e.Subset})
		rw.Weights = append(rw.Weights, &fairwayv1.EndpointWeight{Endpoint: e.Name, Weight: 1 / float64(len(endpoints))})
	}
	w.Routes = []*fairwayv1.RouteWeights{rw}
	t := newTable(w, nil, nil)
	for i := range t.routes {
		if t.routes[i].from == Weights {
			t.routes[i].from = Static
		}
	}
	new(service).take(t)
	return t
}

// lease is how long the weights of a table may be used.
type lease struct {
	expired atomic.Bool
	mu      sync.Mutex
	term    int
	timer   *time.Timer
}

// renew begins a new term. A timer ends it, so that no pick reads the clock.
func (l *lease) renew(ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	if ttl <= 0 {
		l.expired.Store(true)
		return
	}
	l.expired.Store(false)
	term := l.term
	l.timer = time.AfterFunc(ttl, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.term == term {
			l.expired.Store(true)
		}
	})
}

// leave is for a table that was replaced: whoever still picks from it may.
func (l *lease) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
}

func (l *lease) stop() {
	l.term++
	if l.timer != nil {
		l.timer.Stop()
	}
}
