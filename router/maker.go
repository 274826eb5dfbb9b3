package router

import (
	"cmp"
	"slices"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// maker makes the routes of one line.
type maker struct {
	set     *rules.Set
	version uint64 // of the table
	cfg     Config
	known   *Known
	near    func(service string) *Routes // of the same line, whose endpoints may be borrowed; nil: none
}

// routes readies everything that can be answered for a service. made is kept; it is
// nil where no policy was asked. last are the routes of the edition before; nil
// where there are none.
func (m *maker) routes(service string, made *Made, last *Routes) *Routes {
	d, f := made.decision(), made.frame()
	r := &Routes{Service: service, Version: m.version, Decision: d, Frame: f, matcher: m.set.Service(service)}
	r.members = m.known.Members(service, m.set, last.listed())
	r.Notes = r.members.notes()
	base := Terms{RulesVersion: m.set.Version(), TableVersion: m.version, TTL: m.cfg.TTL, Reason: WarmUp}
	if d == nil {
		d = unasked(service, m.set, r.members)
	} else {
		base.Reason, base.Decided = d.Reason, d.Time
		if f != nil && !f.End.IsZero() {
			base.MetricsTime = d.Time.Add(-d.Age)
		}
	}
	base.Source, base.Policy, base.Model = d.Source, d.Policy, d.Model
	base.Balance, base.Circuit = r.matcher.Service.Traffic(nil)
	r.assemble(r.join(d), base, m.set.Lenders(service), m.near)
	for _, e := range r.Endpoints {
		r.hashes = append(r.hashes, picker.Hash(e.Name))
	}
	for i := range r.matcher.Service.Routes {
		rule := &r.matcher.Service.Routes[i]
		r.met = append(r.met, r.meets(rule))
		r.choices = append(r.choices, r.ruled(rule))
	}
	r.choices = append(r.choices, r.unmatched())
	r.adapt(last)
	r.remember(last)
	r.spill(last)
	r.stick(last)
	return r
}

// listed are the members of routes that may be nil.
func (r *Routes) listed() *Members {
	if r == nil {
		return nil
	}
	return r.members
}

// unasked is the decision where no policy was asked: what the rules alone say.
func unasked(service string, set *rules.Set, members *Members) *Decision {
	f := &features.Frame{Window: mesh.Window{Service: service}}
	f.Endpoints = members.Endpoints(set.Service(service).Service.Endpoints)
	var d Decision
	_ = Static(set).Decide(&d, f) // declines for want of endpoints only: then every choice says so
	return &d
}

// meets reports whether the criteria of a rule are met by the window.
func (r *Routes) meets(rule *rules.Route) bool {
	if len(rule.Criteria) == 0 {
		return true
	}
	_, lender := r.terms(rule)
	if lender.frame == nil {
		return false
	}
	target := func(i int) bool {
		at, there := r.find(lender.frame.Endpoints[i].Name)
		if !there {
			return false
		}
		_, in := r.target(at, rule.To)
		return in
	}
	return !slices.ContainsFunc(rule.Criteria, func(c rules.Criterion) bool {
		_, met := c.Met(&lender.frame.Window, target)
		return !met
	})
}

// unmatched is the answer to a request that no rule matches: the origin's
// destination default, equal weights over all of the service that is not ejected.
func (r *Routes) unmatched() choice {
	own := r.loans[""]
	t := own.terms
	t.Route, t.Timeout, t.Source, t.Endpoints = rules.Default, rules.DefaultTimeout, SourceDefault, r.Endpoints
	weights := make(mesh.Weights, len(r.Endpoints))
	members := own.open()
	for _, i := range members {
		weights[i] = 1 / float64(len(members))
	}
	return r.ready(t, rules.Default, weights, nil)
}

// ready is a choice by weights, of endpoints in a subset; "" is whichever the
// endpoint is in, of the targets where they are of other services.
func (r *Routes) ready(t Terms, subset string, weights mesh.Weights, to []rules.Target) choice {
	c := choice{terms: t, subset: subset, draw: picker.NewDraw(nil, weights)}
	if c.terms.Weights = weights; len(c.draw) == 0 {
		c.terms.Reason = NoEndpoints
	}
	c.subsets = make([]string, len(weights))
	for i := range weights {
		c.subsets[i] = cmp.Or(subset, r.Endpoints[i].Subset)
		if len(r.loans) == 1 {
			continue
		}
		if t, in := r.target(i, to); in && t.Service != "" {
			if c.terms.Targets == nil {
				c.terms.Targets = make([]string, len(weights))
			}
			c.terms.Targets[i], c.subsets[i] = t.Name(), t.Name()
		}
	}
	return c
}
