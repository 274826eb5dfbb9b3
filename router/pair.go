package router

import (
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// pair is what the routes of the former line know of those that are tried. The two
// may have other endpoints and other routes: both look at the metrics of one
// service, but through their own rules.
type pair struct {
	tried   *Routes
	share   float64
	bound   uint64 // of random bits below which a request is tried
	salt    uint64
	aligned bool  // both have the same routes, but for where they lead
	toTried []int // per endpoint of the former, its place in tried; -1: none
	back    []int // and the other way round
	// all are the endpoints of both, by name, and their places in each.
	all               []mesh.Endpoint
	inFormer, inTried []int
}

// try puts a line on trial beside r.
func (r *Routes) try(tried *Routes, t *trial) {
	p := &pair{tried: tried, share: t.share, salt: picker.Scramble(t.salt), aligned: aligned(r, tried)}
	p.bound = uint64(min(max(t.share, 0), 1-1.0/(1<<53))*(1<<53)) << 11
	p.toTried, p.back = places(r.Endpoints, tried.Endpoints), places(tried.Endpoints, r.Endpoints)
	p.all = slices.Clone(r.Endpoints)
	for k, e := range tried.Endpoints {
		if p.back[k] < 0 {
			p.all = append(p.all, e)
		}
	}
	slices.SortFunc(p.all, func(a, b mesh.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	p.inFormer, p.inTried = places(p.all, r.Endpoints), places(p.all, tried.Endpoints)
	for _, line := range []struct {
		*Routes
		Line
	}{{r, Former}, {tried, Tried}} {
		for i := range line.choices {
			line.choices[i].on(line.Line)
		}
	}
	r.pair = p
}

// on marks the answers of a line.
func (c *choice) on(line Line) {
	c.terms.Line = line
	for i := range c.zones {
		c.zones[i].terms.Line = line
	}
}

// places finds each endpoint of a in b, by name; both are sorted. -1 is not there.
func places(a, b []mesh.Endpoint) []int {
	out := make([]int, len(a))
	for i := range a {
		out[i] = byName(b, a[i].Name)
	}
	return out
}

// byName is where an endpoint stands in a list that is sorted by name; -1: nowhere.
func byName(list []mesh.Endpoint, name string) int {
	i, found := slices.BinarySearchFunc(list, name, func(e mesh.Endpoint, name string) int { return strings.Compare(e.Name, name) })
	if !found {
		return -1
	}
	return i
}

// aligned reports whether the same requests take the same routes of both.
func aligned(a, b *Routes) bool {
	x, y := a.matcher.Service.Routes, b.matcher.Service.Routes
	return slices.EqualFunc(x, y, func(p, q rules.Route) bool {
		return p.Name == q.Name && slices.EqualFunc(p.Match, q.Match, func(c, d rules.Condition) bool {
			return c.Same(&d)
		})
	}) && slices.Equal(a.met, b.met)
}

// decideBoth draws the line, and then the endpoint by it. Requests of one session
// stay with one line.
func (r *Routes) decideBoth(req *mesh.Request, u uint64) Answer {
	p := r.pair
	former, tried := r.choice(req, u), p.tried.choice(req, u)
	key, triedKey := former.key(req), tried.key(req)
	lot := picker.Scramble(u ^ p.salt)
	if key != "" {
		lot = picker.Scramble(picker.Hash(key) ^ p.salt)
	}
	share := p.share
	switch { // where one line has no endpoint, the other has all requests
	case len(former.draw) == 0 && len(tried.draw) > 0:
		share, lot = 1, 0
	case len(tried.draw) == 0:
		share, lot = 0, math.MaxUint64
	}
	if lot < p.bound {
		a := p.tried.pick(tried, triedKey, u)
		if a.Endpoint >= 0 {
			a.Propensity = share*a.Propensity + (1-share)*weightAt(former.weights(key), p.back[a.Endpoint])
		}
		return a
	}
	a := r.pick(former, key, u)
	if a.Endpoint >= 0 {
		a.Propensity = (1-share)*a.Propensity + share*weightAt(tried.weights(triedKey), p.toTried[a.Endpoint])
	}
	return a
}

func weightAt(w mesh.Weights, i int) float64 {
	if i < 0 {
		return 0
	}
	return w[i]
}

// answers is Answers while the trial is on.
func (p *pair) answers(r *Routes) []Answer {
	var list []Answer
	for i := range r.choices {
		if p.aligned {
			one, other := &r.choices[i], &p.tried.choices[i]
			list = append(list, p.mixture(one, one.terms.Weights, other, other.terms.Weights))
		} else if p.share < 0.5 {
			list = append(list, r.choices[i].answer())
		}
	}
	if !p.aligned && p.share >= 0.5 {
		return p.tried.Answers()
	}
	return list
}

// targets are those of both lines, the former's where they differ.
func (p *pair) targets(former, tried *choice) []string {
	if former.terms.Targets == nil && tried.terms.Targets == nil {
		return nil
	}
	out := make([]string, len(p.all))
	for i := range out {
		for _, line := range []struct {
			targets []string
			at      int
		}{{tried.terms.Targets, p.inTried[i]}, {former.terms.Targets, p.inFormer[i]}} {
			if line.targets != nil && line.at >= 0 && line.targets[line.at] != "" {
				out[i] = line.targets[line.at]
			}
		}
	}
	return out
}

// mixture is the former's answer with what requests meet of both, by the weights of
// each.
func (p *pair) mixture(former *choice, one mesh.Weights, tried *choice, other mesh.Weights) Answer {
	t := former.terms
	t.Endpoints, t.Weights, t.Targets = p.all, p.spread(one, other, p.share), p.targets(former, tried)
	if former.terms.Reason == NoEndpoints { // where one line has no endpoint, the other has all requests
		t.Reason = tried.terms.Reason
	}
	return Answer{Terms: &t, Subset: former.subset, Endpoint: -1}
}

// spread mixes the weights of both lines over the endpoints of both.
func (p *pair) spread(former, tried mesh.Weights, share float64) mesh.Weights {
	out := make(mesh.Weights, len(p.all))
	sum := 0.0
	for i := range out {
		out[i] = (1-share)*weightAt(former, p.inFormer[i]) + share*weightAt(tried, p.inTried[i])
		sum += out[i]
	}
	if sum > 0 {
		out.Normalize()
	}
	return out
}

// Shares is what each line gives to each endpoint of the service, over the routes
// that requests took of late; over that of a request that says nothing where none
// was asked about. tried is nil while no trial is on.
func (r *Routes) Shares() (endpoints []mesh.Endpoint, former, tried mesh.Weights) {
	if r.pair == nil {
		return r.Endpoints, r.shares(), nil
	}
	p := r.pair
	one, other := r.shares(), p.tried.shares()
	return p.all, p.spread(one, other, 0), p.spread(one, other, 1)
}

func (r *Routes) shares() mesh.Weights {
	sum := make(mesh.Weights, len(r.Endpoints))
	total := 0.0
	for i := range r.choices {
		c := &r.choices[i]
		n := c.requests()
		total += n
		for k, w := range r.ofCallers(c) {
			sum[k] += n * w
		}
	}
	if total == 0 {
		copy(sum, r.choice(&mesh.Request{Service: r.Service}, 1).terms.Weights)
	}
	sum.Normalize()
	return sum
}
