package xds

import (
	"net"
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// Weights are integers of at least 1. An equal share of n endpoints is at least
// share, so that rounding changes it by 0.05 % at most, and the whole at least whole.
const (
	whole = 10_000
	share = 1000
)

// maxEndpoints keeps the sum of the weights below what 32 bits hold.
const maxEndpoints = 1 << 20

// part is an endpoint that is served.
type part struct {
	*mesh.Endpoint
	host   string
	port   uint32
	weight float64
	whole  uint32
}

// parts are the endpoints with a weight and an address that can be dialled. Several
// with one address are one, by the first's name: clients refuse an address that
// stands twice.
func parts(a *router.Answer) []part {
	var list []part
	at := map[string]int{}
	for i, w := range a.Weights {
		e := &a.Endpoints[i]
		host, port, ok := dialled(e.Address)
		if !(w > 0) || !ok || len(list) == maxEndpoints {
			continue
		}
		if first, twice := at[e.Address]; twice {
			list[first].weight += w
			continue
		}
		at[e.Address] = len(list)
		list = append(list, part{Endpoint: e, host: host, port: port, weight: w})
	}
	sum := 0.0
	for i := range list {
		sum += list[i].weight
	}
	scale := float64(max(whole, share*len(list)))
	for i := range list {
		list[i].whole = uint32(max(1, scale*list[i].weight/sum+0.5))
	}
	return list
}

func dialled(address string) (host string, port uint32, ok bool) {
	host, text, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint32(n), err == nil && n > 0
}

// leads reports whether there is anywhere to go.
func leads(a *router.Answer) bool {
	for i, w := range a.Weights {
		if _, _, ok := dialled(a.Endpoints[i].Address); ok && w > 0 {
			return true
		}
	}
	return false
}

// assignment is the endpoints of a cluster.
func assignment(name string, a *router.Answer, to kind) *endpointv3.ClusterLoadAssignment {
	list := parts(a)
	out := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if to == grpcClient {
		out.Endpoints = localities(list)
	} else {
		out.Endpoints = zones(list)
	}
	return out
}

// localities has one for each endpoint, with its weight.
func localities(list []part) []*endpointv3.LocalityLbEndpoints {
	var out []*endpointv3.LocalityLbEndpoints
	for i := range list {
		p := &list[i]
		out = append(out, &endpointv3.LocalityLbEndpoints{
			Locality:            &corev3.Locality{Zone: p.Zone, SubZone: p.Name},
			LoadBalancingWeight: wrapperspb.UInt32(p.whole),
			LbEndpoints:         []*endpointv3.LbEndpoint{p.lbEndpoint()},
		})
	}
	return out
}

// zones has the weights at the endpoints, and their subset and name where Envoy's
// subset load balancing looks for them.
func zones(list []part) []*endpointv3.LocalityLbEndpoints {
	var out []*endpointv3.LocalityLbEndpoints
	at := map[string]*endpointv3.LocalityLbEndpoints{}
	for i := range list {
		p := &list[i]
		zone := at[p.Zone]
		if zone == nil {
			zone = &endpointv3.LocalityLbEndpoints{Locality: &corev3.Locality{Zone: p.Zone}}
			at[p.Zone] = zone
			out = append(out, zone)
		}
		lb := p.lbEndpoint()
		lb.LoadBalancingWeight = wrapperspb.UInt32(p.whole)
		lb.Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"envoy.lb": {Fields: map[string]*structpb.Value{
			"subset": structpb.NewStringValue(p.Subset), "endpoint": structpb.NewStringValue(p.Name),
		}}}}
		zone.LbEndpoints = append(zone.LbEndpoints, lb)
	}
	slices.SortStableFunc(out, func(a, b *endpointv3.LocalityLbEndpoints) int {
		switch {
		case a.Locality.Zone < b.Locality.Zone:
			return -1
		case a.Locality.Zone > b.Locality.Zone:
			return 1
		}
		return 0
	})
	return out
}

func (p *part) lbEndpoint() *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: p.host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: p.port},
		}}},
	}}}
}
