package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// spot is an endpoint of a service with what the policy gives to it.
type spot struct {
	mesh.Endpoint
	weight   float64
	ejected  bool
	presence Presence
	out      bool              // discovery says that others take its requests
	labels   map[string]string // nil: they are not known
	said     bool              // the rules say which subset it is in
}

// loan is what one service brings into a table of routes: the service itself, or
// another that rules send requests to. As a cluster is in Istio, it is lent with its
// policy's weights and without its rules.
//
// All lists are over the endpoints of the routes that it is in.
type loan struct {
	service *rules.Service
	terms   Terms           // who set the weights
	frame   *features.Frame // that they were decided upon, or nil
	member  []bool          // whether the endpoint is one of the service
	subset  []string        // of the endpoint, as the service has it
	weights mesh.Weights    // sums to 1 over the members, where there are any
	ejected []bool
	spots   []spot // what else is known of each
}

// assemble makes the endpoints of r, its own and those of the lenders, by name, and
// what each service says of them.
func (r *Routes) assemble(own []spot, terms Terms, lenders []string, near func(string) *Routes) {
	r.loans = map[string]*loan{"": {service: r.matcher.Service, terms: terms, frame: r.Frame}}
	lists := map[string][]spot{"": own}
	for _, name := range lenders {
		other := near(name)
		lent := *other.loans[""]
		r.loans[name], lists[name] = &lent, other.lend()
		if len(lists[name]) == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("service %q, which routes lead to, has no endpoints", name))
		}
	}
	r.Endpoints = make([]mesh.Endpoint, 0, len(own))
	for _, p := range own {
		r.Endpoints = append(r.Endpoints, p.Endpoint)
	}
	for _, name := range lenders {
		for _, p := range lists[name] {
			if at, there := r.find(p.Name); !there {
				r.Endpoints = slices.Insert(r.Endpoints, at, p.Endpoint)
			}
		}
	}
	for name, l := range r.loans {
		l.place(lists[name], r)
	}
}

// find is where an endpoint stands, or would.
func (r *Routes) find(name string) (at int, there bool) {
	return slices.BinarySearchFunc(r.Endpoints, name, func(e mesh.Endpoint, name string) int { return strings.Compare(e.Name, name) })
}

// lend lists the service's own endpoints.
func (r *Routes) lend() (list []spot) {
	own := r.loans[""]
	for i, e := range r.Endpoints {
		if own.member[i] {
			p := own.spots[i]
			p.Endpoint, p.weight, p.ejected = e, own.weights[i], own.ejected[i]
			p.Subset = own.subset[i]
			list = append(list, p)
		}
	}
	return list
}

func (l *loan) place(list []spot, r *Routes) {
	n := len(r.Endpoints)
	l.member, l.ejected = make([]bool, n), make([]bool, n)
	l.subset, l.weights, l.spots = make([]string, n), make(mesh.Weights, n), list
	if len(list) < n {
		l.spots = make([]spot, n)
	}
	for i, p := range list {
		if len(list) < n {
			i, _ = r.find(p.Name)
		}
		l.member[i], l.ejected[i], l.subset[i], l.weights[i] = true, p.ejected, p.Subset, p.weight
		if len(list) < n {
			l.spots[i] = p
		}
	}
	if len(list) > 0 {
		l.weights.Normalize()
	}
}

// open lists the members that are not ejected; all of them that take requests, as far
// as discovery says, where none is open.
func (l *loan) open() (list []int) {
	for i, member := range l.member {
		if member && !l.ejected[i] {
			list = append(list, i)
		}
	}
	if len(list) > 0 {
		return list
	}
	least := l.least(func(i int) bool { return l.member[i] })
	for i, member := range l.member {
		if member && l.spots[i].presence <= least {
			list = append(list, i)
		}
	}
	return list
}

// least is the presence up to which endpoints serve, among some: that of the readiest
// of those that are discovered.
func (l *loan) least(among func(i int) bool) Presence {
	least := NotReady
	for i := range l.spots {
		if p := l.spots[i].presence; p != Unlisted && p < least && among(i) {
			least = p
		}
	}
	return least
}

// within reports whether endpoint i is one that the target means: of the service, and
// of the subset by its name or by what the metrics call it; "" is all of them.
func (r *Routes) within(i int, t rules.Target) bool {
	l := r.loans[t.Service]
	if l == nil || !l.member[i] {
		return false
	}
	own := l.subset[i]
	if t.Subset == "" {
		return true
	}
	ruled := l.service.Subset(t.Subset)
	if p := &l.spots[i]; ruled != nil && len(ruled.Labels) > 0 && p.labels != nil && !p.said {
		return ruled.Selects(p.labels)
	}
	if own == t.Subset {
		return true
	}
	return ruled != nil && own != "" && own == ruled.Value()
}

// target is the one that endpoint i is in.
func (r *Routes) target(i int, to []rules.Target) (t rules.Target, in bool) {
	for _, t := range to {
		if r.within(i, t) {
			return t, true
		}
	}
	return rules.Target{}, false
}

// terms are those of a rule's requests, and the loan that they rest on most: the first
// whose weights are not a model's, else the first.
func (r *Routes) terms(rule *rules.Route) (Terms, *loan) {
	lender := r.loans[rule.To[0].Service]
	for _, t := range rule.To {
		if l := r.loans[t.Service]; l.terms.Source != SourceModel {
			lender = l
			break
		}
	}
	t, own := lender.terms, &r.loans[""].terms
	for _, to := range rule.To { // the oldest metrics count
		if at := r.loans[to.Service].terms.MetricsTime; at.Before(t.MetricsTime) {
			t.MetricsTime = at
		}
	}
	t.Endpoints, t.RulesVersion, t.TableVersion = r.Endpoints, own.RulesVersion, own.TableVersion
	t.Balance, t.Circuit = r.traffic(rule.To)
	return t, lender
}

func (r *Routes) traffic(to []rules.Target) (*rules.Balance, *rules.Circuit) {
	if len(to) == 1 && to[0].Service != "" {
		return r.loans[to[0].Service].service.Traffic([]rules.Target{{Subset: to[0].Subset}})
	}
	return r.matcher.Service.Traffic(to)
}

// lender is the loan that the i-th choice leads to; that of the service itself where it
// leads to several.
func (r *Routes) lender(i int) *loan {
	if i >= len(r.matcher.Service.Routes) {
		return r.loans[""]
	}
	to := r.matcher.Service.Routes[i].To
	for _, t := range to {
		if t.Service != to[0].Service {
			return r.loans[""]
		}
	}
	return r.loans[to[0].Service]
}
