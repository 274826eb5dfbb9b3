package xds

import (
	"fmt"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestFoundPages: clients are told who is there, at the address of now, and that nobody
// is, rather than who was.
func TestFoundPages(t *testing.T) {
	table := router.NewTable(nil, router.DefaultConfig())
	b := newBook()
	c := &client{kind: envoy}
	told := func() (all []string) {
		t.Helper()
		r := b.find(table.Look(), c, typeurl.EndpointType, "shop")
		if r == nil {
			return nil
		}
		var a endpointv3.ClusterLoadAssignment
		if err := r.body.UnmarshalTo(&a); err != nil {
			t.Fatal(err)
		}
		for _, l := range a.Endpoints {
			for _, e := range l.LbEndpoints {
				at := e.GetEndpoint().Address.GetSocketAddress()
				all = append(all, fmt.Sprintf("%s:%d", at.Address, at.GetPortValue()))
			}
		}
		return all
	}
	at := func(name, address string, state discovery.State) discovery.Endpoint {
		return discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: address}, State: state}
	}
	for _, step := range []struct {
		what string
		has  []discovery.Endpoint
		want string
	}{
		{"two", []discovery.Endpoint{at("a", "10.0.0.1:80", discovery.Ready), at("b", "10.0.0.2:80", discovery.Ready)}, "[10.0.0.1:80 10.0.0.2:80]"},
		{"one drains", []discovery.Endpoint{at("a", "10.0.0.1:80", discovery.Draining), at("b", "10.0.0.2:80", discovery.Ready)}, "[10.0.0.2:80]"},
		{"one moves", []discovery.Endpoint{at("a", "10.0.0.3:80", discovery.Ready), at("b", "10.0.0.2:80", discovery.NotReady)}, "[10.0.0.3:80]"},
		{"none is there", nil, "[]"},
		{"one is back", []discovery.Endpoint{at("b", "10.0.0.9:80", discovery.Ready)}, "[10.0.0.9:80]"},
	} {
		table.Know(discovery.NewSnapshot(1, []*discovery.Service{{Name: "shop", Source: "file", Endpoints: step.has}}))
		if got := fmt.Sprint(told()); got != step.want {
			t.Errorf("%s: %s; want %s", step.what, got, step.want)
		}
	}
}
