package router

import (
	"fmt"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// ruled readies the answer of a rule: the rule's split between its subsets,
// unless it is auto, and the policy's weights inside each.
func (r *Routes) ruled(rule *rules.Route, policy mesh.Weights, base Terms) choice {
	t, subset := base, ""
	t.Route, t.Timeout, t.Priority, t.Retries = rule.Name, rule.Timeout, rule.Priority, rule.Retries
	t.RetryOn, t.PerTry = rule.RetryOn, rule.PerTry
	t.Balance, t.Circuit = r.matcher.Service.Traffic(rule.To)
	weights := make(mesh.Weights, len(policy))
	if rule.Auto() {
		r.inside(weights, policy, rule.Name, 1, rule.To...)
	} else if r.fixed(weights, policy, rule) {
		t.Source = SourceRules // no subset leaves a choice to the policy
	}
	if len(rule.To) == 1 {
		subset = rule.To[0].Subset
	}
	if t.Source == SourceDefault && rule.Name == rules.Default { // the service is not known
		subset = rules.Default
	}
	return r.ready(t, subset, weights)
}

// fixed splits by the rule's percentages. The share of a subset without
// endpoints goes to the others in proportion to theirs; a subset whose
// endpoints are all ejected keeps its share, because the rule binds. It
// reports whether every subset has but one endpoint.
func (r *Routes) fixed(weights, policy mesh.Weights, rule *rules.Route) (forced bool) {
	sum := 0.0
	forced = true
	for _, t := range rule.To {
		n := r.count(t.Subset)
		if n == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("route %q: no endpoint in subset %q; its %v %% go to the other subsets", rule.Name, t.Subset, t.Weight))
			continue
		}
		sum += t.Weight
		forced = forced && n == 1
	}
	if sum == 0 {
		return forced
	}
	for _, t := range rule.To {
		if r.count(t.Subset) > 0 {
			r.inside(weights, policy, rule.Name, t.Weight/sum, t)
		}
	}
	return forced
}

func (r *Routes) count(subset string) (n int) {
	for i := range r.Endpoints {
		if r.within(i, subset) {
			n++
		}
	}
	return n
}

// inside adds share, split over the endpoints of the targets as the policy
// wants it. Where the policy gives none of them anything, the rule binds all
// the same: they get equal parts.
func (r *Routes) inside(weights, policy mesh.Weights, route string, share float64, targets ...rules.Target) {
	sum, members := 0.0, 0
	part := make([]bool, len(policy))
	for i := range policy {
		for _, t := range targets {
			part[i] = part[i] || r.within(i, t.Subset)
		}
		if part[i] {
			sum, members = sum+policy[i], members+1
		}
	}
	if sum <= 0 && members > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("route %q: all endpoints of subset %q are ejected or without weight; they get equal parts", route, targets[0].Subset))
	}
	for i := range policy {
		switch {
		case !part[i]:
		case sum > 0:
			weights[i] += share * policy[i] / sum
		default:
			weights[i] += share / float64(members)
		}
	}
}
