package istio

import (
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

var destinationLeft = []field{{"headers", "fairway does not change headers"}}

// targets are the destinations of a rule with their parts in percent: each has its
// weight over the sum of all, and a single one has all (Istio from 1.15 on; before,
// weights had to sum to 100). A destination of weight 0 gets nothing.
func (t *translator) targets(p place, h *v1alpha3.HTTPRoute) []rules.Target {
	if len(h.Route) == 0 {
		if h.Redirect == nil && h.DirectResponse == nil && h.Delegate == nil { // refused already
			t.refuse(p, "a rule without a route; name at least one destination")
		}
		return nil
	}
	var to []rules.Target
	var ports []uint32
	sum, refused := 0.0, false
	for k, d := range h.Route {
		at := p.in("route", k)
		if host := d.GetDestination().GetHost(); host == "" || strings.HasPrefix(host, "*") {
			t.refuse(at, "the destination's host is %q; name a service", host)
			refused = true
			continue
		}
		t.leaveFields(at, destinationLeft)
		weight := float64(d.Weight)
		switch {
		case weight < 0:
			t.refuse(at.in("weight"), "weight is %v; write a number that is not negative", weight)
			refused = true
			continue
		case len(h.Route) == 1:
			weight = 1
		case weight == 0:
			continue
		}
		sum += weight
		target := rules.Target{Service: t.name(d.Destination.Host, p.o), Subset: d.Destination.Subset, Weight: weight}
		to, ports = t.add(at, to, ports, target, d.Destination.Port.GetNumber())
	}
	if sum == 0 && !refused {
		t.refuse(p.in("route"), "all weights are 0; give one destination a weight")
	}
	for i := range to {
		to[i].Weight *= 100 / sum
	}
	t.whole(p, to)
	return to
}

// add takes in a target, to one before that is the same but for its weight.
func (t *translator) add(p place, to []rules.Target, ports []uint32, target rules.Target, port uint32) ([]rules.Target, []uint32) {
	for i := range to {
		if to[i].Service != target.Service || to[i].Subset != target.Subset {
			continue
		}
		if ports[i] != port {
			t.refuse(p.in("destination", "port"), "two ports of one service in a rule: fairway's endpoints have one address each; make them two services")
		}
		to[i].Weight += target.Weight
		return to, ports
	}
	if port != 0 {
		t.note(p.in("destination", "port"), "port %d is not looked at: requests go to the addresses of the endpoints that fairway knows", port)
	}
	return append(to, target), append(ports, port)
}

// whole refuses a service beside its own subsets: rules say either.
func (t *translator) whole(p place, to []rules.Target) {
	for _, a := range to {
		for _, b := range to {
			if a.Service == b.Service && a.Subset == "" && b.Subset != "" {
				t.refuse(p.in("route"), "service %s stands beside its own subset %s; name subsets only", a.Service, b.Subset)
				return
			}
		}
	}
}
