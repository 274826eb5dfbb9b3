package rules

import (
	"net"

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
	endpoints, routes, subsets := unique{r, "endpoint", map[string]int{}}, unique{r, "route", map[string]int{}}, unique{r, "subset", map[string]int{}}
	var locality *yaml.Node
	r.fields(n, "a service", map[string]func(*yaml.Node){
		"name":      func(n *yaml.Node) { s.Name = r.text(n, "name") },
		"objective": func(n *yaml.Node) { s.Objective = r.objective(n) },
		"limits":    func(n *yaml.Node) { r.limits(n, &s.Limits) },
		"health":    func(n *yaml.Node) { s.Health = r.health(n) },
		"locality":  func(n *yaml.Node) { s.Locality, locality = r.locality(n), n },
		"balance":   func(n *yaml.Node) { s.Balance = r.balance(n) },
		"circuit":   func(n *yaml.Node) { s.Circuit = r.circuit(n) },
		"outlier":   func(n *yaml.Node) { s.Outlier = r.outlier(n) },
		"subsets": func(n *yaml.Node) {
			r.list(n, "subsets", func(n *yaml.Node) {
				subset := r.subset(n)
				subsets.add(n, subset.Name)
				s.Subsets = append(s.Subsets, subset)
			})
		},
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
			})
		},
	})
	r.reachable(&s)
	r.zones(&s, locality)
	return s
}

// reachable refuses routes behind one that takes all that they would.
func (r *reader) reachable(s *Service) {
	for _, u := range Unreachable(s.Routes) {
		r.failAt(s.Routes[u.Route].Where, "%s", u.Text)
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
