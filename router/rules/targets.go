package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sumSlack is how far percentages may be from 100: three of 33.33 pass.
const sumSlack = 0.02

// targets reads `to:`: a subset's name, or a list of subsets with weights.
func (r *reader) targets(n *yaml.Node) []Target {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return []Target{{Subset: n.Value, Weight: 100}}
	}
	var to []Target
	sum, autos, bare, others := 0.0, 0, 0, 0
	subsets := map[string]map[string]bool{} // by service
	r.list(n, "to", func(n *yaml.Node) {
		t, weighted := r.target(n)
		own := subsets[t.Service]
		if own == nil {
			own = map[string]bool{}
			subsets[t.Service] = own
		}
		if own[t.Subset] {
			r.fail(n, "%s stands twice in a route; add the two weights up", t.words())
		}
		own[t.Subset] = true
		if !weighted {
			bare++
		}
		if t.Auto {
			autos++
		}
		if t.Service != "" {
			others++
		}
		sum += t.Weight
		to = append(to, t)
	})
	all := false // of a service's endpoints, beside a part of them
	for _, own := range subsets {
		all = all || len(own) > 1 && own[""]
	}
	switch {
	case len(to) == 0:
		r.fail(n, "to names no subset; write [{subset: v1, weight: 100}], or leave it out for all endpoints")
	case autos > 0 && others > 0:
		r.fail(n, "weight: auto is for the subsets of the route's own service; write numbers that sum to 100 where a target is another service")
	case len(to) == 1 && bare == 1:
		to[0].Weight = 100
	case bare > 0:
		r.fail(n, "%d of %d subsets have no weight; write weight: 90, or weight: auto for each", bare, len(to))
	case all:
		r.fail(n, "a target without a subset means all endpoints; it must be the only one of its service, or be given a subset")
	case autos > 0 && autos < len(to):
		r.fail(n, "numbers and auto are mixed; write all weights as numbers that sum to 100, or all as auto")
	case autos == 0 && math.Abs(sum-100) > sumSlack:
		r.fail(n, "weights sum to %v; make them sum to 100", sum)
	}
	return to
}

// words names the target in an error.
func (t *Target) words() string {
	switch {
	case t.Service == "":
		return fmt.Sprintf("subset %q", t.Subset)
	case t.Subset == "":
		return fmt.Sprintf("service %q", t.Service)
	}
	return fmt.Sprintf("subset %q of service %q", t.Subset, t.Service)
}

func (r *reader) target(n *yaml.Node) (t Target, weighted bool) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return Target{Subset: n.Value}, false
	}
	r.fields(n, "a target of a route", map[string]func(*yaml.Node){
		"service": func(n *yaml.Node) { t.Service = r.word(n, "service") },
		"subset":  func(n *yaml.Node) { t.Subset = r.text(n, "subset") },
		"weight": func(n *yaml.Node) {
			weighted = true
			if t.Auto = n.Kind == yaml.ScalarNode && n.Value == "auto"; !t.Auto {
				t.Weight = r.number(n, "weight (in percent, or auto)", 0, 100)
			}
		},
	})
	return t, weighted
}

// destinations refuses routes to where nothing is.
func (r *reader) destinations(services []Service) {
	for i := range services {
		for _, route := range services[i].Routes {
			for _, t := range route.To {
				if why := astray(services, &services[i], &t); why != "" {
					r.failAt(route.Where, "route %q %s", route.Name, why)
				}
			}
		}
	}
}

// astray says why nothing can be at a target of a route of own, or "". Where the
// rules place no endpoint of a service in a subset, the metrics do, and nothing can
// be said.
func astray(services []Service, own *Service, t *Target) string {
	to := own
	if t.Service != "" {
		if t.Service == own.Name {
			return fmt.Sprintf("names its own service %q as another; leave service out", t.Service)
		}
		i := slices.IndexFunc(services, func(s Service) bool { return s.Name == t.Service })
		if i < 0 {
			return ""
		}
		to = &services[i]
	}
	known := to.placed()
	if t.Subset == "" || len(known) == 0 || slices.Contains(known, t.Subset) {
		return ""
	}
	if subset := to.Subset(t.Subset); subset != nil && slices.Contains(known, subset.Value()) {
		return ""
	}
	return fmt.Sprintf("goes to subset %q, which no endpoint of service %q is in; use one of %s", t.Subset, to.Name, strings.Join(known, ", "))
}

// placed are the subsets that the rules place endpoints in, sorted.
func (s *Service) placed() (subsets []string) {
	for _, e := range s.Endpoints {
		if e.Subset != "" {
			subsets = append(subsets, e.Subset)
		}
	}
	slices.Sort(subsets)
	return slices.Compact(subsets)
}
