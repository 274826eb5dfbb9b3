package router

import (
	"maps"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// spill gives callers of each zone weights of their own, where the rules ask for it:
// see newFlow. Within a zone the policy's weights stand; a zone whose endpoints have
// none, because all are ejected, has no room and spills wholly, and in a panic, in which
// none is ejected, a zone keeps its callers as before.
//
// The room of a zone is what its endpoints can serve at the utilization that the rules
// name, of the requests that the window shows. Where no capacity is known it is the
// policy's share of the zone (Envoy's zone-aware routing): then nobody gets more than
// the policy wants.
func (r *Routes) spill(last *Routes) {
	var all []*rules.Spill
	for i := range r.choices {
		if spill := r.lender(i).service.Locality.Spill; spill != nil {
			all = append(all, spill)
		}
	}
	if len(all) == 0 {
		return
	}
	if r.callers = callersOf(r.Endpoints, all); len(r.callers.zones) == 0 {
		r.callers = nil
		return
	}
	r.measure()
	everyone := make([]int, len(r.Endpoints))
	for i := range everyone {
		everyone[i] = i
	}
	weights := r.loans[""].weights
	if !slices.ContainsFunc(weights, func(w float64) bool { return w > 0 }) { // all is borrowed
		weights = r.choices[0].terms.Weights
	}
	byZone, load, _ := r.byZone(everyone, weights)
	var before *callers
	if last != nil {
		before = last.callers
	}
	r.callers.remember(before, load, byZone)
	r.callers.flow = r.flow(all[0], everyone, weights)
	for i := range r.choices {
		spill := r.lender(i).service.Locality.Spill
		if c := &r.choices[i]; spill != nil && len(c.draw) > 0 {
			c.zones = r.zoned(spill, c, r.bound(i))
		}
	}
}

// bound are the endpoints of a route in groups whose share the rules bind: those of
// each target of a fixed split, else all.
func (r *Routes) bound(i int) [][]int {
	var to []rules.Target
	if i < len(r.matcher.Service.Routes) {
		if rule := &r.matcher.Service.Routes[i]; !rule.Auto() {
			to = rule.To
		}
	}
	groups := make([][]int, len(to)+1)
	for e := range r.Endpoints {
		k := slices.IndexFunc(to, func(t rules.Target) bool { return r.within(e, t) })
		groups[k+1] = append(groups[k+1], e)
	}
	return groups
}

// zoned readies the choice of each zone.
func (r *Routes) zoned(spill *rules.Spill, c *choice, groups [][]int) []zoned {
	list := make([]zoned, len(r.callers.zones))
	for z := range list {
		list[z] = zoned{r.callers.zones[z], choice{terms: c.terms, subset: c.subset, subsets: c.subsets}}
		list[z].terms.Weights = make(mesh.Weights, len(c.terms.Weights))
	}
	for _, group := range groups {
		part := 0.0
		for _, e := range group {
			part += c.terms.Weights[e]
		}
		if !(part > 0) {
			continue
		}
		f := r.flow(spill, group, c.terms.Weights)
		byZone, _, _ := r.byZone(group, c.terms.Weights)
		for _, e := range group {
			y := r.callers.at(r.Endpoints[e].Zone)
			for z := range list {
				if byZone[y] > 0 {
					list[z].terms.Weights[e] = part * f.to[z][y] * (c.terms.Weights[e] / part) / byZone[y]
				}
			}
		}
	}
	for z := range list {
		list[z].draw = picker.NewDraw(nil, list[z].terms.Weights)
	}
	return list
}

// flow is that of requests to a group of endpoints by these weights.
func (r *Routes) flow(spill *rules.Spill, group []int, weights mesh.Weights) *flow {
	byZone, _, room := r.byZone(group, weights)
	limit := byZone
	if room != nil {
		limit = room
		for y := range limit {
			limit[y] *= spill.Most()
		}
	}
	return newFlow(spill, r.callers.zones, r.callers.demand, byZone, limit)
}

// byZone is, per zone of a group of endpoints, their part of the weights, of the
// requests that came in the window, and what they can serve as a part of these. An
// endpoint whose capacity is not known has the mean of the others (gRFC A58). What
// is not known of any is nil.
func (r *Routes) byZone(group []int, weights mesh.Weights) (parts, load, room []float64) {
	n, c := len(r.callers.zones)+1, r.callers
	parts, load, room = make([]float64, n), make([]float64, n), make([]float64, n)
	capacities := make([]float64, len(group))
	rate, known := 0.0, false
	for k, e := range group {
		y := c.at(r.Endpoints[e].Zone)
		parts[y] += weights[e]
		load[y] += c.rates[e]
		rate += c.rates[e]
		capacities[k] = c.capacities[e]
		known = known || !math.IsNaN(c.capacities[e])
	}
	normalize(parts)
	if !(rate > 0) {
		load = nil
	}
	if !known {
		return parts, load, nil
	}
	fillMean(capacities)
	for k, e := range group {
		if weights[e] > 0 {
			room[c.at(r.Endpoints[e].Zone)] += capacities[k] / max(rate, 1e-9)
		}
	}
	return parts, load, room
}

// measure reads what the window shows of each endpoint: requests/s, and those that it
// can serve, less what forecasts take from it; NaN where that is not known. Of an
// endpoint that several services have, the window of the service itself tells.
func (r *Routes) measure() {
	c := r.callers
	c.rates, c.capacities = make([]float64, len(r.Endpoints)), make([]float64, len(r.Endpoints))
	for e := range c.capacities {
		c.capacities[e] = math.NaN()
	}
	read := make([]bool, len(r.Endpoints))
	for _, name := range slices.Sorted(maps.Keys(r.loans)) { // "" is the first
		f := r.loans[name].frame
		if f == nil || f.Schema == nil {
			continue
		}
		for i := range f.Endpoints {
			e := byName(r.Endpoints, f.Endpoints[i].Name)
			if e < 0 || read[e] {
				continue
			}
			read[e] = true
			if x := f.At(i, mesh.RequestRate); x > 0 && !math.IsInf(x, 0) {
				c.rates[e] = x
			}
			if c.capacities[e] = capacityOf(f, i); f == r.Frame {
				c.capacities[e] *= 1 - r.Decision.taken(i)
			}
		}
	}
}

// taken is the part that is taken from the i-th endpoint's weight because it fails, or
// is forecast to.
func (d *Decision) taken(i int) float64 {
	switch {
	case i < len(d.Held) && d.Held[i]:
		return 1
	case i < len(d.Drains) && !d.Drains[i].HeldOut:
		return min(max(d.Drains[i].Part, 0), 1)
	}
	return 0
}
