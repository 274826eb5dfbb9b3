package router

import (
	"fmt"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// ruled readies the answer of a rule: the rule's split between its subsets,
// unless it is auto, and the policy's weights inside each.
func (r *Routes) ruled(rule *rules.Route) choice {
	t, _ := r.terms(rule)
	subset := ""
	t.Route, t.Timeout, t.Priority, t.Retries = rule.Name, rule.Timeout, rule.Priority, rule.Retries
	t.RetryOn, t.PerTry, t.Split = rule.RetryOn, rule.PerTry, len(rule.To) > 1
	weights := make(mesh.Weights, len(r.Endpoints))
	if rule.Auto() {
		r.inside(weights, rule.Name, 1, r.serving(r.anyReady(rule.To), rule.To...), rule.To...)
	} else if r.fixed(weights, rule) {
		t.Source = SourceRules // no subset leaves a choice to the policy
	}
	if len(rule.To) == 1 {
		subset = rule.To[0].Name()
	}
	if t.Source == SourceDefault && rule.Name == rules.Default { // the service is not known
		subset = rules.Default
	}
	return r.ready(t, subset, weights, rule.To)
}

// fixed splits by the rule's percentages. The share of a subset without
// endpoints, or with none that is ready while another's are, goes to the others in
// proportion to theirs; a subset whose endpoints are all ejected keeps its share,
// because the rule binds. It reports whether every subset has but one endpoint.
func (r *Routes) fixed(weights mesh.Weights, rule *rules.Route) (forced bool) {
	sum, forced := 0.0, true
	members := make([][]int, len(rule.To))
	ready := r.anyReady(rule.To)
	for k, t := range rule.To {
		if members[k] = r.serving(ready, t); len(members[k]) == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("route %q: no endpoint in subset %q%s; its %v %% go to the other subsets", rule.Name, t.Name(), r.unready(t), t.Weight))
			continue
		}
		sum += t.Weight
		forced = forced && len(members[k]) == 1
	}
	if sum == 0 {
		return forced
	}
	for k, t := range rule.To {
		if len(members[k]) > 0 {
			r.inside(weights, rule.Name, t.Weight/sum, members[k], t)
		}
	}
	return forced
}

// anyReady reports whether any endpoint of the targets takes requests, as far as discovery
// says.
func (r *Routes) anyReady(to []rules.Target) bool {
	for i := range r.Endpoints {
		if t, in := r.target(i, to); in && !r.loans[t.Service].spots[i].out {
			return true
		}
	}
	return false
}

// serving are the endpoints of the targets that take requests; where none is ready,
// those that come nearest to it.
func (r *Routes) serving(ready bool, to ...rules.Target) (list []int) {
	least := NotReady
	list = make([]int, 0, len(r.Endpoints))
	for i := range r.Endpoints {
		t, in := r.target(i, to)
		if !in {
			continue
		}
		switch p := &r.loans[t.Service].spots[i]; {
		case ready && !p.out, !ready && p.presence == least:
			list = append(list, i)
		case !ready && p.presence < least:
			list, least = append(list[:0], i), p.presence
		}
	}
	return list
}

// unready says so of a target whose endpoints are there, and not ready.
func (r *Routes) unready(t rules.Target) string {
	for i := range r.Endpoints {
		if r.within(i, t) {
			return " is ready"
		}
	}
	return ""
}

// inside adds share, split over the members of the targets as the policy
// wants it. Where the policy gives none of them anything, the rule binds all
// the same: they get equal parts.
func (r *Routes) inside(weights mesh.Weights, route string, share float64, members []int, targets ...rules.Target) {
	sum := 0.0
	policy := make(mesh.Weights, len(members))
	for k, i := range members {
		t, _ := r.target(i, targets)
		policy[k] = r.loans[t.Service].weights[i]
		sum += policy[k]
	}
	if sum <= 0 && len(members) > 0 {
		what := "all endpoints of subset %q are ejected or without weight; they get equal parts"
		if t, _ := r.target(members[0], targets); r.loans[t.Service].spots[members[0]].out {
			what = "no endpoint of subset %q is ready; they get equal parts"
		}
		r.Notes = append(r.Notes, fmt.Sprintf("route %q: "+what, route, targets[0].Name()))
	}
	for k, i := range members {
		if sum > 0 {
			weights[i] += share * policy[k] / sum
		} else {
			weights[i] += share / float64(len(members))
		}
	}
}
