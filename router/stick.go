package router

import (
	"cmp"
	"slices"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// key tells the session of a request; empty: it is of none.
func (c *choice) key(req *mesh.Request) string {
	if req.SessionKey != "" || !c.hashed {
		return req.SessionKey
	}
	return c.terms.Balance.Key(req)
}

// weights are what requests with that key, or without one, meet.
func (c *choice) weights(key string) mesh.Weights {
	if key != "" && c.sticks != nil {
		return c.sticks.Shares()
	}
	return c.terms.Weights
}

// weighed is the answer without an endpoint, with the weights of the key.
func (c *choice) weighed(key string) Answer {
	a := c.answer()
	if key != "" && c.sticks != nil {
		t := c.terms
		t.Weights = c.sticks.Shares()
		a.Terms = &t
	}
	return a
}

// stuck is the answer to a key where there is a table of keys.
func (c *choice) stuck(key string) Answer {
	a := c.answer()
	a.Endpoint, a.Place = c.sticks.Pick(key), int(c.place)+1
	if a.Endpoint >= 0 {
		a.Subset, a.Propensity = c.subsets[a.Endpoint], c.sticks.Shares()[a.Endpoint]
	}
	return a
}

// stick readies the choices for keys, with the tables of the edition before where
// the endpoints are the same, and numbers the answers.
func (r *Routes) stick(last *Routes) {
	own := make([]string, len(r.Endpoints))
	for i := range r.Endpoints {
		own[i] = r.Endpoints[i].Subset
	}
	ready := func(c *choice, table *picker.Affinity) {
		c.place = int32(r.places)
		r.places++
		b := c.terms.Balance
		c.hashed = len(b.Hash) > 0
		if b.Algorithm != rules.RingHash && b.Algorithm != rules.Maglev {
			return
		}
		r.places++
		subsets := own
		if c.terms.Targets != nil {
			subsets = slices.Clone(own)
			for i, target := range c.terms.Targets {
				subsets[i] = cmp.Or(target, own[i])
			}
		}
		hashing := picker.Hashing{Maglev: b.Algorithm == rules.Maglev, Size: b.Table}
		c.sticks = picker.NewAffinity(hashing, r.hashes, subsets, c.terms.Weights, table)
	}
	var shared *picker.Affinity // of the routes before, which mostly have the same endpoints
	for i := range r.choices {
		c := &r.choices[i]
		table := shared
		if former := r.former(i, last); former != nil && former.sticks != nil {
			table = former.sticks
		}
		if ready(c, table); c.sticks != nil {
			shared = c.sticks
		}
		for k := range c.zones {
			ready(&c.zones[k].choice, c.sticks)
		}
		for len(r.which) < r.places {
			r.which = append(r.which, int32(i))
		}
	}
}
