package rules

import (
	"maps"
	"math"
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/mesh"
)

func (r *reader) class(n *yaml.Node) (c Class) {
	r.fields(n, "a class", map[string]func(*yaml.Node){
		"name":  func(n *yaml.Node) { c.Name = r.text(n, "name") },
		"match": func(n *yaml.Node) { c.Match = r.match(n) },
	})
	return c
}

func (r *reader) service(n *yaml.Node) Service {
	s := Service{Limits: DefaultLimits(), Where: r.place(n)}
	endpoints, routes := unique{r, "endpoint", map[string]int{}}, unique{r, "route", map[string]int{}}
	var routeNodes []*yaml.Node
	var locality *yaml.Node
	r.fields(n, "a service", map[string]func(*yaml.Node){
		"name":      func(n *yaml.Node) { s.Name = r.text(n, "name") },
		"objective": func(n *yaml.Node) { s.Objective = r.objective(n) },
		"limits":    func(n *yaml.Node) { r.limits(n, &s.Limits) },
		"health":    func(n *yaml.Node) { s.Health = r.health(n) },
		"locality":  func(n *yaml.Node) { s.Locality, locality = r.locality(n), n },
		"endpoints": func(n *yaml.Node) {
			r.list(n, "endpoints", func(n *yaml.Node) {
				e := r.endpoint(n)
				endpoints.add(n, e.Name)
				s.Endpoints = append(s.Endpoints, e)
			})
		},
		"routes": func(n *yaml.Node) {
			r.list(n, "routes", func(n *yaml.Node) {
				route := r.route(n)
				routes.add(n, route.Name)
				s.Routes = append(s.Routes, route)
				routeNodes = append(routeNodes, n)
			})
		},
	})
	r.subsets(&s, routeNodes)
	r.reachable(&s, routeNodes)
	r.zones(&s, locality)
	return s
}

// subsets refuses routes to subsets that no endpoint is in. Where the rules
// place no endpoint in a subset, the metrics do, and nothing can be said.
func (r *reader) subsets(s *Service, nodes []*yaml.Node) {
	known := map[string]bool{}
	for _, e := range s.Endpoints {
		if e.Subset != "" {
			known[e.Subset] = true
		}
	}
	if len(known) == 0 {
		return
	}
	for i, route := range s.Routes {
		for _, target := range route.To {
			if target.Subset != "" && !known[target.Subset] {
				r.fail(nodes[i], "route %q goes to subset %q, which no endpoint of service %q is in; use one of %s",
					route.Name, target.Subset, s.Name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			}
		}
	}
}

// reachable refuses routes behind one that takes all that they would.
func (r *reader) reachable(s *Service, nodes []*yaml.Node) {
	for _, u := range Unreachable(s.Routes) {
		r.fail(nodes[u.Route], "%s", u.Text)
	}
}

func (r *reader) endpoint(n *yaml.Node) Endpoint {
	e := Endpoint{Weight: 1}
	r.fields(n, "an endpoint", map[string]func(*yaml.Node){
		"name":   func(n *yaml.Node) { e.Name = r.text(n, "name") },
		"subset": func(n *yaml.Node) { e.Subset = r.text(n, "subset") },
		"zone":   func(n *yaml.Node) { e.Zone = r.text(n, "zone") },
		"weight": func(n *yaml.Node) { e.Weight = r.number(n, "weight", 0, 1e6) },
		"address": func(n *yaml.Node) {
			e.Address = r.text(n, "address")
			if _, _, err := net.SplitHostPort(e.Address); err != nil {
				r.fail(n, "address is %q; write host:port", e.Address)
			}
		},
	})
	return e
}

func (r *reader) objective(n *yaml.Node) mesh.Objective {
	o := mesh.DefaultObjective()
	r.fields(n, "objective", map[string]func(*yaml.Node){
		"deadline":        func(n *yaml.Node) { o.Deadline = r.duration(n, "deadline") },
		"percentile":      func(n *yaml.Node) { o.Percentile = r.number(n, "percentile", 0.01, 0.9999) },
		"error_cost":      func(n *yaml.Node) { o.ErrorCost = r.number(n, "error_cost", 0, 1000) },
		"max_error_ratio": func(n *yaml.Node) { o.MaxErrorRatio = r.number(n, "max_error_ratio", 1e-6, 1) },
		"max_latency":     func(n *yaml.Node) { o.MaxLatency = r.duration(n, "max_latency") },
	})
	return o
}

func (r *reader) limits(n *yaml.Node, l *Limits) {
	r.fields(n, "limits", map[string]func(*yaml.Node){
		"step":         func(n *yaml.Node) { l.Step = r.number(n, "step", 0.001, 1) },
		"floor":        func(n *yaml.Node) { l.Floor = r.number(n, "floor", 0, 1) },
		"max_ejection": func(n *yaml.Node) { l.MaxEjection = r.number(n, "max_ejection", 0, 1) },
	})
}

// sumSlack is how far percentages may be from 100: three of 33.33 pass.
const sumSlack = 0.02

// targets reads `to:`: a subset's name, or a list of subsets with weights.
func (r *reader) targets(n *yaml.Node) []Target {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return []Target{{Subset: n.Value, Weight: 100}}
	}
	var to []Target
	sum, autos, bare := 0.0, 0, 0
	subsets := map[string]bool{}
	r.list(n, "to", func(n *yaml.Node) {
		t, weighted := r.target(n)
		if subsets[t.Subset] {
			r.fail(n, "subset %q stands twice in a route; add the two weights up", t.Subset)
		}
		subsets[t.Subset] = true
		if !weighted {
			bare++
		}
		if t.Auto {
			autos++
		}
		sum += t.Weight
		to = append(to, t)
	})
	switch {
	case len(to) == 0:
		r.fail(n, "to names no subset; write [{subset: v1, weight: 100}], or leave it out for all endpoints")
	case len(to) == 1 && bare == 1:
		to[0].Weight = 100
	case bare > 0:
		r.fail(n, "%d of %d subsets have no weight; write weight: 90, or weight: auto for each", bare, len(to))
	case len(to) > 1 && subsets[""]:
		r.fail(n, "a target without a subset means all endpoints; it must be the only one, or be given a subset")
	case autos > 0 && autos < len(to):
		r.fail(n, "numbers and auto are mixed; write all weights as numbers that sum to 100, or all as auto")
	case autos == 0 && math.Abs(sum-100) > sumSlack:
		r.fail(n, "weights sum to %v; make them sum to 100", sum)
	}
	return to
}

func (r *reader) target(n *yaml.Node) (t Target, weighted bool) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return Target{Subset: n.Value}, false
	}
	r.fields(n, "a target of a route", map[string]func(*yaml.Node){
		"subset": func(n *yaml.Node) { t.Subset = r.text(n, "subset") },
		"weight": func(n *yaml.Node) {
			weighted = true
			if t.Auto = n.Kind == yaml.ScalarNode && n.Value == "auto"; !t.Auto {
				t.Weight = r.number(n, "weight (in percent, or auto)", 0, 100)
			}
		},
	})
	return t, weighted
}
