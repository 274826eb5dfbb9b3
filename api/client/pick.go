package client

import (
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Pick picks an endpoint for a request to the service: by the first rule that
// the request matches, and the weights of its route. Requests with the same
// session key go to the same endpoint for as long as the weights stay, and to
// the one that the daemon would pick. A nil request says nothing about itself;
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
	return t.pick(r, c.roll())
}

// plain is a request that says nothing about itself.
var plain mesh.Request

func (t *table) pick(req *mesh.Request, u uint64) Choice {
	if req == nil {
		req = &plain
	}
	r := t.match(req)
	if r == nil {
		return Choice{}
	}
	return r.pick(req.SessionKey, u, t.expired.Load())
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

func (r *route) pick(key string, u uint64, expired bool) Choice {
	s, from := r.share(expired)
	if from == Nothing {
		return Choice{Route: &r.Route}
	}
	i := 0
	if key == "" {
		i = s.draw.Pick(u)
	} else {
		i = picker.Stick(s.weights, r.hashes, key)
	}
	if i < 0 {
		return Choice{Route: &r.Route}
	}
	at := &s.spots[i]
	return Choice{Endpoint: at.endpoint, Route: &r.Route, Propensity: at.weight, From: from, open: at.open}
}

func (r *route) share(expired bool) (*share, From) {
	if expired && r.from == Weights {
		return &r.equal, Equal
	}
	return &r.fresh, r.from
}
