package istio

import (
	"maps"
	"slices"
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

var localityRefused = []field{{"failoverPriority", "fairway knows the zones of endpoints, not their labels"}}

// locality is which zones the requests of a zone go to. Istio takes no locality into
// account unless outlier detection is on; fairway always knows who is ill.
func (t *translator) locality(p place, lb *v1alpha3.LoadBalancerSettings) (l rules.Locality) {
	t.refuseFields(p, balanceRefused)
	t.leaveFields(p, balanceLeft)
	setting := lb.GetLocalityLbSetting()
	at := p.in("localityLbSetting")
	t.refuseFields(at, localityRefused)
	if setting == nil || setting.Enabled != nil && !setting.Enabled.Value {
		return l
	}
	if len(setting.Distribute) > 0 && len(setting.Failover) > 0 {
		t.refuse(at, "distribute and failover together; write one of them")
		return l
	}
	s := &rules.Spill{Order: t.failover(at.in("failover"), setting.Failover), Split: t.distribute(at.in("distribute"), setting.Distribute)}
	if err := s.Validate(); err != nil {
		t.refuse(at, "localityLbSetting: %v", err)
		return l
	}
	l.Spill = s
	return l
}

func (t *translator) failover(p place, list []*v1alpha3.LocalityLoadBalancerSetting_Failover) map[string][]string {
	if len(list) == 0 {
		return nil
	}
	order := map[string][]string{}
	for i, f := range list {
		at := p.in(i)
		from, to := t.zone(at, f.GetFrom()), t.zone(at, f.GetTo())
		order[from] = append(order[from], to)
	}
	return order
}

func (t *translator) distribute(p place, list []*v1alpha3.LocalityLoadBalancerSetting_Distribute) map[string]map[string]float64 {
	if len(list) == 0 {
		return nil
	}
	split := map[string]map[string]float64{}
	for i, d := range list {
		at := p.in(i)
		from, parts := t.zone(at.in("from"), d.GetFrom()), map[string]float64{}
		for _, to := range slices.Sorted(maps.Keys(d.GetTo())) {
			zone := t.zone(at.in("to", to), to)
			if _, twice := parts[zone]; twice {
				t.refuse(at.in("to", to), "zone %s stands twice: fairway knows endpoints by their zone only", zone)
			}
			parts[zone] = float64(d.To[to])
		}
		if _, twice := split[from]; twice {
			t.refuse(at.in("from"), "zone %s stands twice: fairway knows endpoints by their zone only", from)
		}
		split[from] = parts
	}
	return split
}

// zone is that of a locality, region/zone/subzone. A region alone is taken for the
// name of a zone, as that is all that endpoints have.
func (t *translator) zone(p place, locality string) string {
	parts := strings.Split(locality, "/")
	for len(parts) > 1 && parts[len(parts)-1] == "*" {
		parts = parts[:len(parts)-1]
	}
	switch {
	case len(parts) > 2 || slices.Contains(parts, "*"):
		t.refuse(p, "locality %q is not supported: fairway knows the zones of endpoints; write region/zone/*", locality)
	case slices.Contains(parts, ""):
		t.refuse(p, "locality %q has an empty part; write region/zone/*", locality)
	case len(parts) == 1:
		t.warn(p, "region %q is taken for the name of a zone: fairway knows the zones of endpoints, not their regions", locality)
	}
	return parts[len(parts)-1]
}
