package router

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// callers counts the requests of a service by the zone that they come from, of the
// zones that have weights of their own; all others are one.
type callers struct {
	zones  []string  // sorted
	before []float64 // per zone, then the others: in the editions before, the latest count most
	taken  []uint32  // in this one, each for oneIn; atomic
	demand []float64 // parts of all requests, readied: sums to 1
	flow   *flow     // of requests that may go to any endpoint

	rates, capacities []float64 // per endpoint, in requests/s
}

// callersOf knows the zones of the endpoints and those that the rules name.
func callersOf(endpoints []mesh.Endpoint, spills []*rules.Spill) *callers {
	var zones []string
	for _, spill := range spills {
		zones = slices.AppendSeq(zones, maps.Keys(spill.Order))
		zones = slices.AppendSeq(zones, maps.Keys(spill.Split))
	}
	for i := range endpoints {
		zones = append(zones, endpoints[i].Zone)
	}
	slices.Sort(zones)
	zones = slices.DeleteFunc(slices.Compact(zones), func(zone string) bool { return zone == "" })
	n := len(zones) + 1
	return &callers{zones: zones, before: make([]float64, n), taken: make([]uint32, n), demand: make([]float64, n)}
}

// at is the place of a zone, the last of those that are not known.
func (c *callers) at(zone string) int {
	if i, known := slices.BinarySearch(c.zones, zone); known {
		return i
	}
	return len(c.zones)
}

func (c *callers) count(zone string) { atomic.AddUint32(&c.taken[c.at(zone)], 1) }

// remember takes over the counts of the edition before, and makes the demand of them.
// Where nobody asks for decisions, clients pick by the weights that they watch; then
// load is what the window shows to have come to each zone, as a part of all (NaN:
// unknown), and the demand is what, spread as it was, would have come to that: a step
// of expectation-maximization, exact while all is served in its own zone.
func (c *callers) remember(last *callers, load, weights []float64) {
	counted := 0.0
	if last != nil {
		for i, zone := range last.zones {
			if at := c.at(zone); at < len(c.zones) {
				c.before[at] = fading * (last.before[i] + oneIn*float64(atomic.LoadUint32(&last.taken[i])))
			}
		}
		k, n := len(last.zones), len(c.zones)
		c.before[n] = fading * (last.before[k] + oneIn*float64(atomic.LoadUint32(&last.taken[k])))
	}
	for _, n := range c.before {
		counted += n
	}
	switch {
	case counted >= 1:
		for i, n := range c.before {
			c.demand[i] = n / counted
		}
	case last != nil && slices.Equal(last.zones, c.zones) && load != nil:
		last.flow.origins(c.demand, last.demand, load)
	default: // as if they were where the endpoints are
		copy(c.demand, weights)
	}
}

// zoned is the choice of callers of one zone.
type zoned struct {
	zone string
	choice
}

// from is the choice of callers of a zone.
func (c *choice) from(zone string) *choice {
	for i := range c.zones {
		if c.zones[i].zone == zone {
			return &c.zones[i].choice
		}
	}
	return c
}

// ofCallers are the weights of a route that its callers meet, over their zones.
func (r *Routes) ofCallers(c *choice) mesh.Weights {
	if len(c.zones) == 0 {
		return c.terms.Weights
	}
	out := make(mesh.Weights, len(c.terms.Weights))
	add := func(w mesh.Weights, part float64) {
		for i := range out {
			out[i] += part * w[i]
		}
	}
	rest := 1.0
	for i := range c.zones {
		part := r.callers.demand[r.callers.at(c.zones[i].zone)]
		add(c.zones[i].terms.Weights, part)
		rest -= part
	}
	add(c.terms.Weights, max(rest, 0))
	return out
}

// Zoned are the weights of requests from one zone.
type Zoned struct {
	Zone    string
	Weights mesh.Weights
}

// Zones are, of the i-th of Answers and over its endpoints, the weights of requests
// from zones that have some of their own, in order of the zones. Those of the Answer
// are of all others.
func (r *Routes) Zones(i int) []Zoned {
	if r.pair != nil && !r.pair.aligned && r.pair.share >= 0.5 {
		return r.pair.tried.Zones(i)
	}
	c := &r.choices[i]
	if r.pair == nil || !r.pair.aligned {
		var list []Zoned
		for k := range c.zones {
			list = append(list, Zoned{c.zones[k].zone, c.zones[k].terms.Weights})
		}
		return list
	}
	tried := &r.pair.tried.choices[i]
	var names []string
	for _, one := range [][]zoned{c.zones, tried.zones} {
		for k := range one {
			names = append(names, one[k].zone)
		}
	}
	slices.Sort(names)
	var list []Zoned
	for _, zone := range slices.Compact(names) {
		list = append(list, Zoned{zone, r.pair.spread(c.from(zone).terms.Weights, tried.from(zone).terms.Weights, r.pair.share)})
	}
	return list
}
