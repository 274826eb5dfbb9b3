package client

import (
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// From says what a Choice rests on.
type From string

const (
	Weights From = "weights" // the daemon's, within their time to live
	Equal   From = "equal"   // expired: the endpoints of each subset alike
	Nothing From = "nothing" // the daemon never named an endpoint of the service
)

// Choice is an endpoint that was picked.
type Choice struct {
	Endpoint     *fairwayv1.Endpoint // nil when From is Nothing; shared, do not write
	Propensity   float64             // the probability with which it was picked
	From         From
	TableVersion uint64
}

// Pick picks an endpoint of the service by the weights of the named route; of
// an empty or unknown name, by those of the route that every request matches.
// It does not allocate.
func (c *Client) Pick(service, route string) Choice {
	t, ok := (*c.tables.Load())[service]
	if !ok {
		return Choice{From: Nothing}
	}
	r := t.route(route)
	if r == nil || len(r.endpoints) == 0 {
		return Choice{From: Nothing, TableVersion: t.version}
	}
	weights, from := r.weights, Weights
	if c.cfg.Clock().After(t.expires) {
		weights, from = r.equal, Equal
	}
	i := draw(weights, c.roll())
	return Choice{Endpoint: r.endpoints[i], Propensity: weights[i], From: from, TableVersion: t.version}
}

// table is what the daemon said of one service, made ready for picking.
type table struct {
	version uint64
	expires time.Time
	routes  []route
}

type route struct {
	name      string
	all       bool // every request matches
	endpoints []*fairwayv1.Endpoint
	weights   []float64
	equal     []float64 // of each subset as much as in weights, shared alike within it
}

func newTable(w *fairwayv1.ServiceWeights, now time.Time) *table {
	t := &table{version: w.TableVersion, expires: now.Add(w.GetTtl().AsDuration())}
	byName := make(map[string]*fairwayv1.Endpoint, len(w.Endpoints))
	for _, e := range w.Endpoints {
		byName[e.Name] = e
	}
	for _, rw := range w.Routes {
		r := route{name: rw.Name, all: rw.MatchesAll}
		for _, ew := range rw.Weights {
			if e := byName[ew.Endpoint]; e != nil {
				r.endpoints = append(r.endpoints, e)
				r.weights = append(r.weights, ew.Weight)
			}
		}
		r.equal = equal(r.endpoints, r.weights)
		t.routes = append(t.routes, r)
	}
	return t
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

func (t *table) route(name string) *route {
	var fallback *route
	for i := range t.routes {
		r := &t.routes[i]
		if name != "" && r.name == name {
			return r
		}
		if r.all && fallback == nil {
			fallback = r
		}
	}
	return fallback
}

// draw picks a position in proportion to the weights, which sum to 1.
func draw(weights []float64, bits uint64) int {
	u := float64(bits>>11) / (1 << 53) // [0, 1)
	last := 0
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		last = i
		if u < w {
			return i
		}
		u -= w
	}
	return last // the weights summed to a little less than 1
}

// roll is splitmix64 over a shared counter (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", OOPSLA 2014).
func (c *Client) roll() uint64 {
	z := c.rolls.Add(0x9e3779b97f4a7c15)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
