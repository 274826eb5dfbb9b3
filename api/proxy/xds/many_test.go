package xds_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// many is a table of services with ten endpoints each.
func many(t testing.TB, services int) *router.Table {
	file := &rules.File{Name: "many"}
	for s := range services {
		service := rules.Service{Name: fmt.Sprintf("service-%04d", s)}
		for e := range 10 {
			service.Endpoints = append(service.Endpoints, rules.Endpoint{Weight: 1, Endpoint: mesh.Endpoint{
				Name: fmt.Sprintf("endpoint-%d", e), Address: fmt.Sprintf("10.%d.%d.%d:8080", s/256, s%256, e), Zone: "abc"[e%3 : e%3+1],
			}})
		}
		file.Services = append(file.Services, service)
	}
	return tableOf(t, file)
}

// shuffled are new weights for all services.
func shuffled(table *router.Table, r *rand.Rand) (all []router.Made) {
	for _, service := range table.Services() {
		w := make(mesh.Weights, 10)
		for i := range w {
			w[i] = r.Float64()
		}
		w.Normalize()
		all = append(all, decided(table, service, w...))
	}
	return all
}

// BenchmarkThousandServices is an edition in which all of 1,000 services with ten
// endpoints change: the table's own work, and what clients that ask for one service
// or for all add, on both ends of the loopback.
func BenchmarkThousandServices(b *testing.B) {
	for _, asked := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(asked, "asked"), func(b *testing.B) {
			table := many(b, 1000)
			control := serve(b, table, "", nil)
			s := sotw(b, control.address)
			ask := &discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.EndpointType}
			for _, service := range table.Services()[:asked] {
				ask.ResourceNames = append(ask.ResourceNames, service+"|default")
			}
			hear := func() {
				if asked == 0 {
					return
				}
				got := s.next()
				if len(got.Resources) != asked {
					b.Fatalf("%d of %d", len(got.Resources), asked)
				}
				ask.VersionInfo, ask.ResponseNonce = got.VersionInfo, got.Nonce
				s.send(ask)
			}
			if asked > 0 {
				s.send(ask)
				hear()
			}
			r := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				b.StopTimer()
				next := shuffled(table, r)
				b.StartTimer()
				table.PublishAll(next, nil)
				hear()
			}
		})
	}
}
