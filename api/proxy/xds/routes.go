package xds

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// retried is what is tried again where a rule asks for tries and not for when:
// Istio's default.
const retried = "connect-failure,refused-stream,unavailable,cancelled"

// routeConfiguration is the rules whose criteria are met, in their order, as a client
// is told them. unsaid names those that cannot be said, and why.
func routeConfiguration(p *page, c *client) (out *routev3.RouteConfiguration, unsaid []string) {
	out = &routev3.RouteConfiguration{Name: p.service}
	for _, h := range hosts(p.met(), c.kind) {
		list, notes := p.routes(c, h)
		for _, note := range notes {
			if !slices.Contains(unsaid, note) {
				unsaid = append(unsaid, note)
			}
		}
		if c.kind == grpcClient {
			list = append(list, p.waiting(list)...)
		}
		virtual := &routev3.VirtualHost{Name: p.service, Domains: []string{h.domain()}, Routes: list}
		if h != (host{}) {
			virtual.Name += "@" + h.domain()
		}
		out.VirtualHosts = append(out.VirtualHosts, virtual)
	}
	return out, unsaid
}

// routes are those for one class of hosts, up to the first that takes everything.
func (p *page) routes(c *client, h host) (out []*routev3.Route, unsaid []string) {
	for i := range p.choices {
		choice := &p.choices[i]
		if !choice.met {
			continue
		}
		var match rules.Match
		if choice.rule != nil {
			match = choice.rule.Match
		}
		list, missing := c.matches(match, h)
		for j, m := range list {
			r := &routev3.Route{Name: choice.answer.Route, Match: m}
			if len(missing) > 0 {
				refuse(r, choice.answer.Route, missing, c.kind)
			} else {
				r.Action = &routev3.Route_Route{Route: action(choice, c.kind)}
			}
			if j > 0 {
				r.Name = fmt.Sprintf("%s/%d", r.Name, j+1)
			}
			out = append(out, r)
		}
		if len(missing) > 0 {
			unsaid = append(unsaid, fmt.Sprintf("route %q: %s", choice.answer.Route, strings.Join(missing, ", ")))
		}
		if len(list) == 1 && everything(list[0]) {
			break
		}
	}
	return out, unsaid
}

func everything(m *routev3.RouteMatch) bool {
	prefix, ok := m.PathSpecifier.(*routev3.RouteMatch_Prefix)
	return ok && prefix.Prefix == "" && len(m.Headers) == 0 && len(m.QueryParameters) == 0
}

// refuse has the client refuse what may be meant by a rule that it cannot be told.
// Any other place would be the wrong one for some.
func refuse(r *routev3.Route, name string, missing []string, to kind) {
	if to == grpcClient {
		r.Action = &routev3.Route_NonForwardingAction{NonForwardingAction: &routev3.NonForwardingAction{}}
		return
	}
	text := fmt.Sprintf("fairway: route %q asks what xDS cannot say (%s); match it otherwise, or use ext_proc\n", name, strings.Join(missing, ", "))
	r.Action = &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: 503, Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}},
	}}
}

// action sends to the cluster of the route. gRPC's deadline is the caller's where no
// rule sets one: fairway's default would end streams.
func action(c *choice, to kind) *routev3.RouteAction {
	a := &c.answer
	out := &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: c.cluster}, HashPolicy: hashPolicies(a.Balance, to)}
	if a.Priority > 0 {
		out.Priority = corev3.RoutingPriority_HIGH
	}
	switch {
	case to == envoy:
		out.Timeout = durationpb.New(a.Timeout)
	case a.Timeout != rules.DefaultTimeout:
		out.MaxStreamDuration = &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: durationpb.New(a.Timeout)}
	}
	if a.Retries > 0 {
		out.RetryPolicy = retries(a)
	}
	return out
}

func retries(a *router.Answer) *routev3.RetryPolicy {
	out := &routev3.RetryPolicy{RetryOn: a.RetryOn, NumRetries: wrapperspb.UInt32(bounded(a.Retries))}
	if out.RetryOn == "" {
		out.RetryOn = retried
	}
	if a.PerTry > 0 {
		out.PerTryTimeout = durationpb.New(a.PerTry)
	}
	return out
}

// hashPolicies are the keys of sessions, the first that a request has. A gRPC client
// knows neither cookies nor queries; what is nearest to the caller's address is its
// channel.
func hashPolicies(b *rules.Balance, to kind) (out []*routev3.RouteAction_HashPolicy) {
	if b.Algorithm != rules.RingHash && b.Algorithm != rules.Maglev {
		return nil
	}
	for _, key := range b.Hash {
		p := &routev3.RouteAction_HashPolicy{Terminal: true}
		switch {
		case key.Of == rules.HashHeader:
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: key.Name}}
		case key.Of == rules.HashSource && to == grpcClient:
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_FilterState_{FilterState: &routev3.RouteAction_HashPolicy_FilterState{Key: "io.grpc.channel_id"}}
		case to == grpcClient:
			continue
		case key.Of == rules.HashSource:
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_ConnectionProperties_{
				ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true}}
		case key.Of == rules.HashCookie:
			cookie := &routev3.RouteAction_HashPolicy_Cookie{Name: key.Name}
			if key.TTL > 0 {
				cookie.Ttl = durationpb.New(key.TTL)
			}
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Cookie_{Cookie: cookie}
		case key.Of == rules.HashQuery:
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_QueryParameter_{QueryParameter: &routev3.RouteAction_HashPolicy_QueryParameter{Name: key.Name}}
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}
