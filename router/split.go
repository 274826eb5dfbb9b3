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
		r.inside(weights, rule.Name, 1, rule.To...)
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
// endpoints goes to the others in proportion to theirs; a subset whose
// endpoints are all ejected keeps its share, because the rule binds. It
// reports whether every subset has but one endpoint.
func (r *Routes) fixed(weights mesh.Weights, rule *rules.Route) (forced bool) {
	sum := 0.0
	forced = true
	for _, t := range rule.To {
		n := r.count(t)
		if n == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("route %q: no endpoint in subset %q; its %v %% go to the other subsets", rule.Name, t.Name(), t.Weight))
			continue
		}
		sum += t.Weight
		forced = forced && n == 1
	}
	if sum == 0 {
		return forced
	}
	for _, t := range rule.To {
		if r.count(t) > 0 {
			r.inside(weights, rule.Name, t.Weight/sum, t)
		}
	}
	return forced
}

func (r *Routes) count(t rules.Target) (n int) {
	for i := range r.Endpoints {
		if r.within(i, t) {
			n++
		}
	}
	return n
}

// inside adds share, split over the endpoints of the targets as the policy
// wants it. Where the policy gives none of them anything, the rule binds all
// the same: they get equal parts.
func (r *Routes) inside(weights mesh.Weights, route string, share float64, targets ...rules.Target) {
	sum, members := 0.0, 0
	policy := make(mesh.Weights, len(weights)) // −1: not in any target
	for i := range weights {
		policy[i] = -1
		if t, in := r.target(i, targets); in {
			policy[i] = r.loans[t.Service].weights[i]
			sum, members = sum+policy[i], members+1
		}
	}
	if sum <= 0 && members > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("route %q: all endpoints of subset %q are ejected or without weight; they get equal parts", route, targets[0].Name()))
	}
	for i := range weights {
		switch {
		case policy[i] < 0:
		case sum > 0:
			weights[i] += share * policy[i] / sum
		default:
			weights[i] += share / float64(members)
		}
	}
}
