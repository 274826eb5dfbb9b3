package istio

import (
	"google.golang.org/protobuf/proto"
	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

var policyRefused = []field{{"tunnel", "fairway does not say through whom to reach an endpoint"}}

var policyLeft = []field{
	{"proxyProtocol", "fairway does not talk to endpoints"},
	{"retryBudget", "fairway bounds retries by connectionPool.http.maxRetries only"},
}

// common is what services and subsets have alike.
func (t *translator) common(p place) {
	t.refuseFields(p, policyRefused)
	t.leaveFields(p, policyLeft)
}

// ports refuses settings for a port that are not those of the service: fairway's
// endpoints have one address each. What a port leaves out it does not inherit.
func (t *translator) ports(p place, policy *v1alpha3.TrafficPolicy) {
	for i, port := range policy.GetPortLevelSettings() {
		if proto.Equal(port.GetLoadBalancer(), policy.LoadBalancer) && proto.Equal(port.GetConnectionPool(), policy.ConnectionPool) &&
			proto.Equal(port.GetOutlierDetection(), policy.OutlierDetection) && proto.Equal(port.GetTls(), policy.Tls) {
			continue
		}
		t.refuse(p.in("portLevelSettings", i), "portLevelSettings is not supported where it differs from the settings of the service: fairway is not told the port; use a service for each port")
	}
}

// subsetPolicy is what a subset says otherwise. What it does not say it inherits
// from the service, field by field.
func (t *translator) subsetPolicy(p place, subset *rules.Subset, own, service *v1alpha3.TrafficPolicy) {
	t.common(p)
	for i := range own.PortLevelSettings {
		t.refuse(p.in("portLevelSettings", i), "portLevelSettings of a subset is not supported: fairway is not told the port")
	}
	if lb := own.LoadBalancer; lb != nil {
		at := p.in("loadBalancer")
		balance := t.balance(at, lb)
		subset.Balance = &balance
		if !proto.Equal(lb.LocalityLbSetting, service.GetLoadBalancer().GetLocalityLbSetting()) {
			t.refuse(at.in("localityLbSetting"), "localityLbSetting is not supported where it differs from that of the service")
		}
		t.refuseFields(at, balanceRefused)
		t.leaveFields(at, balanceLeft)
	}
	if own.ConnectionPool != nil {
		circuit := t.circuit(p.in("connectionPool"), own.ConnectionPool)
		subset.Circuit = &circuit
	}
	if own.OutlierDetection != nil && !proto.Equal(own.OutlierDetection, service.GetOutlierDetection()) {
		t.refuse(p.in("outlierDetection"), "outlierDetection is not supported where it differs from that of the service")
	}
}
