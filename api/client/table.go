package client

import (
	"cmp"
	"math"
	"slices"
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
	zones  []zoned  // for callers of zones with weights of their own
	hashes []uint64 // of the endpoints' names, for session keys
	groups []string // per endpoint: what keeps its part when requests stick, a target or a subset

	balance rules.Balance // Hash and how keys are placed
	bounds  bounds        // of what this client has in flight
	total   *atomic.Int64 // what it has, at all endpoints of the service

	endpoints []*fairwayv1.Endpoint
	open      []*atomic.Int64 // per endpoint, see service.places
}

// zoned are the shares of callers of one zone.
type zoned struct {
	zone         string
	fresh, equal share
}

// share is what each endpoint of a route gets; it sums to 1, or is empty.
type share struct {
	draw    picker.Alias
	spots   []spot // per endpoint
	weights []float64
	sticks  *picker.Affinity // of keys; nil: picker.Stick
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
// is better than none. proxy is the hash of the client's name; former and static
// may be nil.
func newTable(w *fairwayv1.ServiceWeights, proxy uint64, former, static *table) *table {
	t := &table{of: w, routes: make([]route, 0, len(w.GetRoutes())), loads: map[string]*fairwayv1.EndpointLoad{}}
	byName := make(map[string]*fairwayv1.Endpoint, len(w.GetEndpoints()))
	for _, e := range w.GetEndpoints() {
		if e.GetName() != "" {
			byName[e.Name] = e
		}
	}
	for _, rw := range w.GetRoutes() {
		r := newRoute(w, rw, byName, proxy, former)
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

func newRoute(w *fairwayv1.ServiceWeights, rw *fairwayv1.RouteWeights, byName map[string]*fairwayv1.Endpoint, proxy uint64, former *table) route {
	r := route{
		Route: Route{
			Name: rw.GetName(), Priority: int(rw.GetPriority()), Retries: int(rw.GetRetries()),
			Timeout: rw.GetTimeout().AsDuration(), Of: w,
		},
		taken: rw.GetMet() || rw.GetMatchesAll(), all: rw.GetMatchesAll(), from: Weights,
		balance: balance(rw.GetBalancing()), bounds: boundsOf(rw.GetCircuit()),
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
			r.hashes, r.groups = append(r.hashes, picker.Hash(e.Name)), append(r.groups, cmp.Or(ew.GetTarget(), e.Subset))
		}
		weights[i] += sane(ew.GetWeight())
	}
	r.open = make([]*atomic.Int64, len(r.endpoints))
	table := former.sticks(r.Name)
	r.fresh, r.equal = r.shares(weights, proxy, table, false)
	for _, zw := range rw.GetZones() {
		weights, sum := make([]float64, len(r.endpoints)), 0.0
		for _, ew := range zw.GetWeights() {
			if i, known := places[ew.GetEndpoint()]; known {
				weights[i] += sane(ew.GetWeight())
				sum += weights[i]
			}
		}
		if sum > 0 {
			z := zoned{zone: zw.GetZone()}
			z.fresh, z.equal = r.shares(weights, proxy, r.fresh.sticks, true)
			r.zones = append(r.zones, z)
		}
	}
	return r
}

// sane is a weight that can be summed.
func sane(w float64) float64 {
	if !(w > 0) { // or NaN
		return 0
	}
	return min(w, 1e300)
}

// shares readies both shares of the route's endpoints, of those that this proxy is
// given where the rules bound how many, byZone where the weights are those of the callers
// of one zone. former may be nil.
func (r *route) shares(weights []float64, proxy uint64, former *picker.Affinity, byZone bool) (fresh, equal share) {
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
	groups := slices.Clone(r.groups)
	if size := r.balance.SubsetSize; size > 0 {
		r.own(weights, groups, proxy, size, byZone)
	}
	fresh = r.newShare(weights, groups, former)
	return fresh, r.newShare(alike(groups, weights), groups, fresh.sticks)
}

func (r *route) newShare(weights []float64, groups []string, former *picker.Affinity) share {
	s := share{weights: weights, draw: picker.NewAlias(weights)}
	if a := r.balance.Algorithm; a == rules.RingHash || a == rules.Maglev {
		hashing := picker.Hashing{Maglev: a == rules.Maglev, Size: r.balance.Table}
		s.sticks = picker.NewAffinity(hashing, r.hashes, groups, weights, former)
	}
	return s
}

// alike keeps what each subset gets, which a rule may have bound, and shares
// it alike among the subset's endpoints.
func alike(groups []string, weights []float64) []float64 {
	sum, count := map[string]float64{}, map[string]float64{}
	for i, group := range groups {
		sum[group] += weights[i]
		count[group]++
	}
	out := make([]float64, len(weights))
	for i, group := range groups {
		out[i] = sum[group] / count[group]
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
		r.zones = nil
		r.from = Equal
		if old.from == Static {
			r.from = Static
		}
		return
	}
	r.from = Nothing
}

// sticks are the tables for keys that the route of that name had; nil: none.
func (t *table) sticks(name string) *picker.Affinity {
	if t == nil {
		return nil
	}
	if r := t.route(name); r != nil {
		return r.fresh.sticks
	}
	return nil
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
	t := newTable(w, 0, nil, nil)
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
