package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Spill has requests served in the zone that they come from, as far as its endpoints
// have room, and lets the rest flow on to other zones. What a request costs elsewhere
// (Locality.Remote) moves the weights of all; a spill gives each zone of callers its own.
type Spill struct {
	// At is the utilization up to which the endpoints of a zone take requests before
	// these flow on, in (0, 1]; 0 is DefaultSpill.
	At float64
	// Order is, for callers of a zone, to which zones what has no room flows, first to
	// last (Istio's failover). Zones that it does not name come last, together.
	Order map[string][]string
	// Split fixes, for callers of a zone, the parts of each zone in percent, which sum
	// to 100 (Istio's distribute). Zones without an open endpoint lose theirs to the
	// others. Room is not asked for.
	Split map[string]map[string]float64
}

// DefaultSpill is the At of a Spill that has none: beyond, queues begin to grow faster
// than the load.
const DefaultSpill = 0.8

// Most is the utilization from which requests flow on.
func (s *Spill) Most() float64 {
	if s.At > 0 {
		return s.At
	}
	return DefaultSpill
}

// Validate reports what no reader would let pass, for spills that were not read from YAML.
func (s *Spill) Validate() error {
	if !(s.At >= 0 && s.At <= 1) {
		return fmt.Errorf("spill begins at a utilization of %v; write a number from 0.01 to 1", s.At)
	}
	for from, to := range s.Order {
		if twice := repeated(append([]string{from}, to...)); twice != "" {
			return fmt.Errorf("order of zone %q has zone %q twice; a zone stands once, the caller's own is first anyway", from, twice)
		}
	}
	for from, parts := range s.Split {
		sum := 0.0
		for to, part := range parts {
			if !(part >= 0 && part <= 100) {
				return fmt.Errorf("split of zone %q gives zone %q %v; write a number from 0 to 100", from, to, part)
			}
			sum += part
		}
		if math.Abs(sum-100) > sumSlack {
			return fmt.Errorf("split of zone %q sums to %v; make it sum to 100", from, sum)
		}
		if len(s.Order[from]) > 0 {
			return fmt.Errorf("zone %q has an order and a split; a split leaves nothing to order", from)
		}
	}
	return nil
}

// to are the zones that requests are sent to by name, sorted.
func (s *Spill) to() (zones []string) {
	if s == nil {
		return nil
	}
	for _, order := range s.Order {
		zones = append(zones, order...)
	}
	for _, parts := range s.Split {
		zones = slices.AppendSeq(zones, maps.Keys(parts))
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

func repeated(list []string) string {
	for i, x := range list {
		if slices.Contains(list[:i], x) {
			return x
		}
	}
	return ""
}

func (r *reader) spill(n *yaml.Node) *Spill {
	s, failed := &Spill{}, len(r.errs)
	r.fields(n, "spill", map[string]func(*yaml.Node){
		"at": func(n *yaml.Node) { s.At = r.number(n, "at", 0.01, 1) },
		"order": func(n *yaml.Node) {
			s.Order = map[string][]string{}
			r.pairs(n, "order", "the next zones of each, such as {a: [b, c]}", func(key, value *yaml.Node) {
				r.list(value, "order of zone "+key.Value, func(n *yaml.Node) {
					s.Order[key.Value] = append(s.Order[key.Value], r.text(n, "a zone in the order of "+key.Value))
				})
			})
		},
		"split": func(n *yaml.Node) {
			s.Split = map[string]map[string]float64{}
			r.pairs(n, "split", "the parts of each zone, such as {a: {a: 80, b: 20}}", func(key, value *yaml.Node) {
				parts := map[string]float64{}
				s.Split[key.Value] = parts
				r.pairs(value, "split of zone "+key.Value, "percentages by zone, such as {a: 80, b: 20}", func(to, part *yaml.Node) {
					parts[to.Value] = r.number(part, "part of zone "+to.Value+" (in percent)", 0, 100)
				})
			})
		},
	})
	if len(r.errs) == failed {
		if err := s.Validate(); err != nil {
			r.fail(n, "%v", err)
		}
	}
	return s
}
