package istio

import (
	"maps"
	"slices"
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

var destinationRefused = []field{{"workloadSelector", "fairway has one set of rules for all who ask"}}

func (t *translator) destinationRule(o *manifest.Object) {
	var d v1alpha3.DestinationRule
	if err := o.Spec(&d); err != nil {
		t.fail(o, o.LineOf(), err)
		return
	}
	p := place{o: o}
	t.refuseFields(p, destinationRefused)
	if p.has("exportTo") {
		t.note(p.in("exportTo"), "exportTo is not looked at: fairway's rules hold for all who ask for the service")
	}
	t.tls(p.in("trafficPolicy"), d.TrafficPolicy.GetTls(), d.Host)
	for i, s := range d.Subsets {
		if at := p.in("subsets", i, "trafficPolicy"); s.GetTrafficPolicy().GetTls() != nil {
			t.tls(at, s.TrafficPolicy.Tls, "subset "+s.Name+" of "+d.Host)
		}
	}
	switch {
	case d.Host == "":
		t.refuse(p, "no host; name the service")
		return
	case strings.HasPrefix(d.Host, "*"):
		if len(d.Subsets) > 0 || !onlyTLS(p.in("trafficPolicy")) {
			t.refuse(p.in("host"), "host %s is of many services; write an object for each", d.Host)
		}
		return
	}
	s := t.service(t.name(d.Host, o), p.in("host"))
	t.policy(p.in("trafficPolicy"), s, d.TrafficPolicy)
	for i, subset := range d.Subsets {
		t.subset(p.in("subsets", i), s, subset, d.TrafficPolicy)
	}
}

// onlyTLS reports whether a traffic policy says nothing but how to encrypt.
func onlyTLS(p place) bool {
	for _, f := range []string{"loadBalancer", "connectionPool", "outlierDetection", "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget"} {
		if p.has(f) {
			return false
		}
	}
	return true
}

// policy is that of the service. Where there are several, Istio takes that of the
// oldest object and drops the others; here they are a conflict.
func (t *translator) policy(p place, s *service, policy *v1alpha3.TrafficPolicy) {
	if policy == nil {
		return
	}
	if s.policy != nil {
		t.refuse(p, "%s has a traffic policy by %s at %s already, and Istio would not look at this one; merge the two", s.Name, s.policy, s.policy.At("trafficPolicy"))
		return
	}
	s.policy = p.o
	t.common(p)
	t.ports(p, policy)
	if lb := policy.LoadBalancer; lb != nil {
		at := p.in("loadBalancer")
		s.Balance = t.balance(at, lb)
		s.Locality = t.locality(at, lb)
	}
	if policy.ConnectionPool != nil {
		s.Circuit = t.circuit(p.in("connectionPool"), policy.ConnectionPool)
	}
	if policy.OutlierDetection != nil {
		s.Outlier = t.outlier(p.in("outlierDetection"), policy.OutlierDetection, &s.Limits)
	}
}

// subset takes in a subset with what it says otherwise than its service.
func (t *translator) subset(p place, s *service, from *v1alpha3.Subset, policy *v1alpha3.TrafficPolicy) {
	if from.GetName() == "" {
		t.refuse(p, "a subset without a name")
		return
	}
	if s.Subset(from.Name) != nil {
		t.refuse(p, "subset %s of %s stands twice; merge the two", from.Name, s.Name)
		return
	}
	subset := rules.Subset{Name: from.Name, Labels: maps.Clone(from.Labels)}
	t.labels(p, s, &subset)
	if own := from.TrafficPolicy; own != nil {
		t.subsetPolicy(p.in("trafficPolicy"), &subset, own, policy)
	}
	s.Subsets = append(s.Subsets, subset)
}

// labels checks that the endpoints of a subset can be told from others by what the
// metrics say of them, which is the value of one label.
func (t *translator) labels(p place, s *service, subset *rules.Subset) {
	at := p.in("labels")
	if len(subset.Labels) == 0 {
		t.refuse(p, "subset %s has no labels, which makes it all endpoints; leave it out of the rules, or give it labels", subset.Name)
		return
	}
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(subset.Labels)) {
		if !slices.Contains(telling, name) {
			extra = append(extra, name)
		}
	}
	value := subset.Value()
	if other, twice := s.values[value]; twice {
		t.refuse(at, "subset %s is told from subset %s by none of the labels %s, which is how fairway tells endpoints apart", subset.Name, other, strings.Join(rules.VersionLabels, ", "))
		return
	}
	s.values[value] = subset.Name
	if !slices.ContainsFunc(rules.VersionLabels, func(l string) bool { return subset.Labels[l] != "" }) {
		t.warn(at, "subset %s has none of the labels %s: fairway takes for it the endpoints whose metrics call their subset %q", subset.Name, strings.Join(rules.VersionLabels, ", "), value)
		return
	}
	if len(extra) > 0 {
		t.warn(at, "of the labels of subset %s fairway looks at one only: it takes the endpoints whose metrics call their subset %q, whatever their %s", subset.Name, value, strings.Join(extra, ", "))
	}
}

// telling are the labels that no warning is due for: those that name the subset,
// and those that are the same for all of a service.
var telling = append([]string{"app", "app.kubernetes.io/name", "app.kubernetes.io/part-of"}, rules.VersionLabels...)
