package meshconfig

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"istio.io/api/networking/v1alpha3"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The bounds of a traffic policy, of each proxy that calls: connections to a service,
// and requests that wait for one.
const (
	basicBound    = 100
	advancedBound = 1000
)

// Outlier detection: an endpoint that answers 5xx so often in a row is ejected. At most
// half of the endpoints are out at once. Istio's own bound, 10 %, is less than one
// endpoint of any service with fewer than ten, and Envoy would eject none.
const (
	consecutive5xx = 5
	sweep          = 30 * time.Second
	baseEjection   = 30 * time.Second
	maxEjection    = 50 // percent
)

// destinationRule is how proxies talk to a service.
func (c Config) destinationRule(s Service) draft {
	policy := &v1alpha3.TrafficPolicy{Tls: &v1alpha3.ClientTLSSettings{Mode: v1alpha3.ClientTLSSettings_ISTIO_MUTUAL}}
	var about []string
	if c.Advanced {
		about = c.advanced(policy, s)
	} else {
		about = c.basic(policy, s)
	}
	name := prefix + s.Name
	return draft{
		kind: "DestinationRule", namespace: c.Namespace, name: name,
		object: &networkingv1.DestinationRule{
			TypeMeta:   metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: "DestinationRule"},
			ObjectMeta: meta(c.Namespace, name),
			Spec:       v1alpha3.DestinationRule{Host: c.host(s.Name), TrafficPolicy: policy},
		},
		about: about,
	}
}

// headless is what is said of a policy that chooses no endpoints.
var headless = []string{
	"The service is headless: who calls chooses the pod, so nothing is said here of balancing",
	"and ejection.",
}

func (c Config) basic(p *v1alpha3.TrafficPolicy, s Service) []string {
	p.ConnectionPool = pool(basicBound)
	about := []string{
		"Mutual TLS, and the basic traffic policy. The bounds are of each proxy that calls.",
		"http1MaxPendingRequests holds for HTTP/2 too, whatever its name says.",
	}
	if s.Headless {
		return append(about, headless...)
	}
	p.LoadBalancer = leastRequest()
	return append(about, "LEAST_REQUEST is what was called LEAST_CONN; Istio has deprecated that name.")
}

func (c Config) advanced(p *v1alpha3.TrafficPolicy, s Service) []string {
	p.ConnectionPool = pool(advancedBound)
	about := []string{
		"Mutual TLS, and the advanced traffic policy. The bounds are of each proxy that calls.",
		"http1MaxPendingRequests holds for HTTP/2 too, whatever its name says; it is as wide as",
		"the bound on connections.",
	}
	if s.Headless {
		return append(about, headless...)
	}
	p.LoadBalancer = leastRequest()
	p.LoadBalancer.LocalityLbSetting = &v1alpha3.LocalityLoadBalancerSetting{Enabled: wrapperspb.Bool(true)}
	p.OutlierDetection = &v1alpha3.OutlierDetection{
		Consecutive_5XxErrors: wrapperspb.UInt32(consecutive5xx),
		Interval:              durationpb.New(sweep),
		BaseEjectionTime:      durationpb.New(baseEjection),
		MaxEjectionPercent:    maxEjection,
	}
	return append(about,
		"LEAST_REQUEST is what was called LEAST_CONN; Istio has deprecated that name, and",
		"consecutiveErrors for consecutive5xxErrors. Istio looks at localities only where outlier",
		"detection is on.",
		"maxEjectionPercent must be said: of Istio's 10 % no service with fewer than ten endpoints",
		"would ever have one ejected.")
}

func pool(bound int32) *v1alpha3.ConnectionPoolSettings {
	return &v1alpha3.ConnectionPoolSettings{
		Tcp:  &v1alpha3.ConnectionPoolSettings_TCPSettings{MaxConnections: bound},
		Http: &v1alpha3.ConnectionPoolSettings_HTTPSettings{Http1MaxPendingRequests: bound},
	}
}

func leastRequest() *v1alpha3.LoadBalancerSettings {
	return &v1alpha3.LoadBalancerSettings{LbPolicy: &v1alpha3.LoadBalancerSettings_Simple{Simple: v1alpha3.LoadBalancerSettings_LEAST_REQUEST}}
}
