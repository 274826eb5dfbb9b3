package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Locality is what it costs to leave the zone that a service is asked from, in
// time per request: money, or a hop that the metrics do not see, expressed as
// the latency that one would bear to save it. The zero value costs nothing.
//
// The cost is one for all proxies, so there is one zone that they are taken to be
// in. Where they are in several, only what differs between the endpoints' zones on
// average matters, and Zones can say that; or Spill tells the zones apart.
type Locality struct {
	Zone   string                   // of the proxies
	Remote time.Duration            // to a zone that Zones does not name
	Zones  map[string]time.Duration // to these; the proxies' own costs nothing unless it is here
	// Spill gives callers of each zone weights of their own; nil: it does not.
	Spill *Spill
}

// Cost is that of a request to an endpoint in a zone, in seconds. A zone that is
// not known costs as a remote one: else what says nothing of itself would draw
// the traffic.
func (l *Locality) Cost(zone string) float64 {
	if cost, named := l.Zones[zone]; named {
		return cost.Seconds()
	}
	if l.Zone == "" || zone == l.Zone {
		return 0
	}
	return l.Remote.Seconds()
}

// maxLocality bounds a cost: beyond, a priority of zones is meant, which weights
// of least cost are not.
const maxLocality = time.Minute

func (r *reader) locality(n *yaml.Node) (l Locality) {
	failed := len(r.errs)
	r.fields(n, "locality", map[string]func(*yaml.Node){
		"zone":   func(n *yaml.Node) { l.Zone = r.text(n, "zone") },
		"remote": func(n *yaml.Node) { l.Remote = r.cost(n, "remote") },
		"spill":  func(n *yaml.Node) { l.Spill = r.spill(n) },
		"zones": func(n *yaml.Node) {
			l.Zones = map[string]time.Duration{}
			r.pairs(n, "zones", "a cost for each zone, such as {b: 2ms, c: 20ms}", func(key, value *yaml.Node) {
				l.Zones[key.Value] = r.cost(value, "cost of zone "+key.Value)
			})
		},
	})
	switch {
	case len(r.errs) > failed:
	case l.Spill != nil && l.Zone == "" && l.Remote == 0 && len(l.Zones) == 0:
	case l.Zone == "":
		r.fail(n, "locality has no zone; write that of the proxies, such as zone: a")
	case l.Remote == 0 && len(l.Zones) == 0:
		r.fail(n, "locality costs nothing; write what a request to another zone costs, such as remote: 5ms")
	}
	return l
}

// cost reads a duration that may be a cost; 0s is one.
func (r *reader) cost(n *yaml.Node, what string) time.Duration {
	if n.Kind == yaml.ScalarNode && (n.Value == "0" || n.Value == "0s") {
		return 0
	}
	d := r.duration(n, what)
	if d > maxLocality {
		r.fail(n, "%s is %v; write at most %v per request", what, d, maxLocality)
	}
	return d
}

// zones refuses a locality of zones that no endpoint is in. Where the rules
// place no endpoint in a zone, the metrics do, and nothing can be said.
func (r *reader) zones(s *Service, n *yaml.Node) {
	known := map[string]bool{}
	for _, e := range s.Endpoints {
		if e.Zone == "" {
			return
		}
		known[e.Zone] = true
	}
	if n == nil || len(known) == 0 {
		return
	}
	list := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	if l := s.Locality; l.Zone != "" && len(l.Zones) == 0 && !known[l.Zone] {
		r.fail(n, "no endpoint of service %q is in zone %q, so all are remote; use one of %s, or give each zone its cost in zones", s.Name, l.Zone, list)
	}
	for _, zone := range slices.Sorted(maps.Keys(s.Locality.Zones)) {
		if !known[zone] && zone != s.Locality.Zone {
			r.fail(n, "locality has a cost for zone %q, which no endpoint of service %q is in; use one of %s", zone, s.Name, list)
		}
	}
	for _, zone := range s.Locality.Spill.to() {
		if !known[zone] {
			r.fail(n, "spill sends requests to zone %q, which no endpoint of service %q is in; use one of %s", zone, s.Name, list)
		}
	}
}
