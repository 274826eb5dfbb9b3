package client

import (
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Pick picks an endpoint for a request to the service: by the first rule that
// the request matches, and the weights of its route. Requests with the same
// session key go to the same endpoint for as long as the weights stay, and to
// the one that the daemon would pick; what the rules hash is one where a request
// has none. A request that names no zone comes from the Config's. A nil request says nothing about itself;
// the Service of one that is not nil is not read. Pick neither waits nor reads
// the clock, and does not allocate, except to unescape a query parameter that a
// rule asks for.
func (c *Client) Pick(service string, r *mesh.Request) Choice {
	t := c.services.load(service)
	if t == nil {
		if t = c.static[service]; t == nil {
			return Choice{}
		}
	}
	return t.pick(r, c.cfg.Zone, c.roll())
}

// plain is a request that says nothing about itself.
var plain mesh.Request

// pick picks for a request from a zone, unless it says another.
func (t *table) pick(req *mesh.Request, zone string, u uint64) Choice {
	if req == nil {
		req = &plain
	}
	r := t.match(req)
	if r == nil {
		return Choice{}
	}
	if req.Source.Zone != "" {
		zone = req.Source.Zone
	}
	return r.pick(r.key(req), zone, u, t.expired.Load())
}

// match is the first route that is taken and whose rule the request matches,
// else the last, which the daemon takes when no rule matches; nil where there
// are none.
func (t *table) match(req *mesh.Request) *route {
	for i := range t.routes {
		r := &t.routes[i]
		if r.taken && (len(r.match) == 0 || r.match.Matches(req)) {
			return r
		}
	}
	if len(t.routes) == 0 {
		return nil
	}
	return &t.routes[len(t.routes)-1]
}

func (r *route) pick(key, zone string, u uint64, expired bool) Choice {
	s, from := r.share(zone, expired)
	if from == Nothing {
		return Choice{Route: &r.Route}
	}
	i := s.pick(r.hashes, key, u)
	if i < 0 {
		return Choice{Route: &r.Route}
	}
	at := &s.spots[i]
	c := Choice{Endpoint: at.endpoint, Route: &r.Route, Propensity: at.weight, From: from, open: at.open, total: r.total}
	if key != "" && s.sticks != nil {
		c.Propensity = s.sticks.Shares()[i]
	}
	if r.bounds != (bounds{}) {
		r.within(&c, s, u)
	}
	return c
}

func (s *share) pick(hashes []uint64, key string, u uint64) int {
	switch {
	case key == "":
		return s.draw.Pick(u)
	case s.sticks != nil:
		return s.sticks.Pick(key)
	}
	return picker.Stick(s.weights, hashes, key)
}

func (r *route) share(zone string, expired bool) (*share, From) {
	fresh, equal := &r.fresh, &r.equal
	for i := range r.zones {
		if z := &r.zones[i]; z.zone == zone {
			fresh, equal = &z.fresh, &z.equal
		}
	}
	if expired && r.from == Weights {
		return equal, Equal
	}
	return fresh, r.from
}
