package xds

import (
	"slices"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// announced are clusters that a gRPC client gets to know before calls go there. It
// puts new routes into force a moment before it has their clusters (grpc-go 1.85,
// clientconn.go: the config selector is replaced before the balancer is told), and
// calls in that moment fail. So the routes of before stay for a while, with routes
// behind them to the new clusters, which no call reaches.
type announced struct {
	before *page // whose routes stay; nil: nothing is announced
	since  time.Time
}

// announce begins, or goes on, where p has clusters that the page before had not.
func (p *page) announce(last *page, now time.Time) {
	if p.kind != grpcClient {
		return
	}
	p.announced = last.announced
	for name := range p.clusters {
		if last.clusters[name] != nil || len(last.clusters) == 0 {
			continue
		}
		if p.before == nil {
			p.before = last
		}
		p.since = now
		return
	}
}

// conclude puts the routes of p into force once they were announced for long enough.
func (p *page) conclude(now time.Time, lead time.Duration) {
	if p.before != nil && now.Sub(p.since) >= lead {
		p.announced = announced{}
	}
}

// announcement is the routes of before, and behind them what is new.
func (p *page) announcement(c *client) *routev3.RouteConfiguration {
	out, _ := routeConfiguration(p.before, c)
	for _, h := range out.VirtualHosts {
		h.Routes = append(h.Routes, p.waiting(h.Routes)...)
	}
	return out
}

// waiting are routes to the clusters of p that list does not lead to, such as of rules
// whose criteria are not met now. They stand behind one that takes everything.
func (p *page) waiting(list []*routev3.Route) (out []*routev3.Route) {
	for i := range p.choices {
		name := p.choices[i].cluster
		used := func(r *routev3.Route) bool { return r.GetRoute().GetCluster() == name }
		if p.clusters[name] == nil || slices.ContainsFunc(list, used) {
			continue
		}
		out = append(out, &routev3.Route{
			Name:   "waiting",
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: ""}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: name}}},
		})
	}
	return out
}
