package istio

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

const proxysConnection = "how a connection is kept is between proxy and endpoint"

var tcpLeft = []field{
	{"tcpKeepalive", proxysConnection},
	{"maxConnectionDuration", proxysConnection},
	{"idleTimeout", proxysConnection},
}

var httpLeft = []field{
	{"idleTimeout", proxysConnection},
	{"h2UpgradePolicy", proxysConnection},
	{"useClientProtocol", proxysConnection},
	{"maxConcurrentStreams", proxysConnection},
	{"http2KeepAlive", proxysConnection},
}

var outlierRefused = []field{
	{"splitExternalLocalOriginErrors", "fairway does not tell an endpoint's own errors from those of the way to it"},
	{"consecutiveLocalOriginFailures", "fairway does not tell an endpoint's own errors from those of the way to it"},
	{"outlierDetectionHttpErrorCodes", "fairway takes 5xx and no answer for failures"},
}

func (t *translator) circuit(p place, pool *v1alpha3.ConnectionPoolSettings) (c rules.Circuit) {
	tcp, http := p.in("tcp"), p.in("http")
	t.leaveFields(tcp, tcpLeft)
	t.leaveFields(http, httpLeft)
	c.Connections = t.bound(tcp.in("maxConnections"), pool.GetTcp().GetMaxConnections())
	if d := pool.GetTcp().GetConnectTimeout(); d != nil {
		c.ConnectTimeout = t.duration(tcp.in("connectTimeout"), d, "connectTimeout", "leave it out for the proxy's own")
	}
	c.Pending = t.bound(http.in("http1MaxPendingRequests"), pool.GetHttp().GetHttp1MaxPendingRequests())
	c.Requests = t.bound(http.in("http2MaxRequests"), pool.GetHttp().GetHttp2MaxRequests())
	c.PerConnection = t.bound(http.in("maxRequestsPerConnection"), pool.GetHttp().GetMaxRequestsPerConnection())
	c.Retries = t.bound(http.in("maxRetries"), pool.GetHttp().GetMaxRetries())
	return c
}

// bound is a number of things that may be open at once; 0 is no bound.
func (t *translator) bound(p place, n int32) int {
	if n < 0 {
		t.refuse(p, "%v is %d; write a number that is not negative", p.path[len(p.path)-1], n)
		return 0
	}
	return int(n)
}

// outlier is when an endpoint is ejected. Istio counts errors of gateways (502, 503,
// 504) apart from all 5xx; fairway counts 5xx.
func (t *translator) outlier(p place, d *v1alpha3.OutlierDetection, limits *rules.Limits) (o rules.Outlier) {
	t.refuseFields(p, outlierRefused)
	o.Consecutive = t.consecutive(p, d)
	o.Interval = t.span(p.in("interval"), d.Interval, "interval")
	o.BaseEjection = t.span(p.in("baseEjectionTime"), d.BaseEjectionTime, "baseEjectionTime")
	if n := d.MaxEjectionPercent; n < 0 || n > 100 {
		t.refuse(p.in("maxEjectionPercent"), "maxEjectionPercent is %d; write 0 to 100", n)
	} else if n > 0 { // 0 is Istio's default too
		limits.MaxEjection = float64(n) / 100
	}
	if n := d.MinHealthPercent; n < 0 || n > 100 {
		t.refuse(p.in("minHealthPercent"), "minHealthPercent is %d; write 0 to 100", n)
	} else {
		o.MinHealthy = float64(n) / 100
	}
	return o
}

// span is a duration whose absence means the router's own.
func (t *translator) span(p place, d *durationpb.Duration, what string) time.Duration {
	if d == nil {
		return 0
	}
	return t.duration(p, d, what, "leave it out for fairway's own")
}

func (t *translator) consecutive(p place, d *v1alpha3.OutlierDetection) int {
	const most = 1 << 20
	all, gateways := d.Consecutive_5XxErrors, d.ConsecutiveGatewayErrors
	//lint:ignore SA1019 it stands in rules that people have, for consecutiveGatewayErrors
	old := d.ConsecutiveErrors
	switch {
	case old < 0 || all.GetValue() > most || gateways.GetValue() > most || old > most:
		t.refuse(p, "consecutive errors out of range; write 1 to %d", most)
		return 0
	case all.GetValue() > 0 && gateways.GetValue() > 0 && gateways.GetValue() < all.GetValue():
		t.refuse(p.in("consecutiveGatewayErrors"), "consecutiveGatewayErrors is not supported beside a larger consecutive5xxErrors: fairway counts every 5xx alike; write one of the two")
		return 0
	case all.GetValue() > 0:
		return int(all.GetValue())
	case gateways.GetValue() > 0:
		t.warn(p.in("consecutiveGatewayErrors"), "consecutiveGatewayErrors counts every 5xx here, not 502, 503 and 504 only")
		return int(gateways.GetValue())
	case all != nil || gateways != nil:
		t.refuse(p, "ejection after consecutive errors cannot be switched off (0); leave the field out, or name a number")
		return 0
	case old > 0:
		t.warn(p.in("consecutiveErrors"), "consecutiveErrors counts every 5xx here, not 502, 503 and 504 only")
	}
	return int(old)
}
