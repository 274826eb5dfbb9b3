package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// spread is a server of four endpoints, of which a0 and a1 are in zone a.
func spread(t testing.TB, s rules.Service) *Server {
	t.Helper()
	s.Name = "shop"
	for _, name := range []string{"a0", "a1", "b0", "b1"} {
		s.Endpoints = append(s.Endpoints, rules.Endpoint{Endpoint: mesh.Endpoint{Name: name, Zone: name[:1]}, Weight: 1})
	}
	set, err := rules.Compile(&rules.File{Services: []rules.Service{s}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(router.NewTable(set, router.DefaultConfig()), NewMetrics(prometheus.NewRegistry(), time.Now), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestZonesAreTold: watchers get the weights of each zone, and who asks is told those of
// its own, with the probability by which it was answered.
func TestZonesAreTold(t *testing.T) {
	s := spread(t, rules.Service{Locality: rules.Locality{Spill: &rules.Spill{}}})
	w, err := s.Weights(context.Background(), &fairwayv1.WatchRequest{Services: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, z := range w.Routes[0].Zones {
		for _, ew := range z.Weights {
			got[z.Zone] = append(got[z.Zone], ew.Weight)
		}
	}
	if diff := cmp.Diff(map[string][]float64{"a": {0.5, 0.5, 0, 0}, "b": {0, 0, 0.5, 0.5}}, got); diff != "" {
		t.Error(diff)
	}
	for range 2 { // the second time from memory
		for zone, want := range map[string]float64{"a": 0.5, "b": 0.5, "": 0.25} {
			for range 50 {
				d, err := s.Decide(context.Background(), &fairwayv1.DecideRequest{Service: "shop", Source: &fairwayv1.DecideRequest_Source{Zone: zone}})
				if err != nil || d.Propensity != want || zone != "" && d.Endpoint.Zone != zone {
					t.Fatalf("zone %q: %v, %v", zone, d, err)
				}
			}
		}
	}
}

// TestKeysAreTold: the answer to a request with a key says how likely keys meet it, and
// costs no memory once it was given.
func TestKeysAreTold(t *testing.T) {
	s := spread(t, rules.Service{Balance: rules.Balance{Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashHeader, Name: "user"}}}})
	counts, told, n := map[string]float64{}, map[string]float64{}, 4000.0
	for i := range int(n) {
		d, err := s.Decide(context.Background(), &fairwayv1.DecideRequest{Service: "shop", Headers: map[string]string{"user": fmt.Sprint(i)}})
		if err != nil {
			t.Fatal(err)
		}
		counts[d.Endpoint.Name]++
		told[d.Endpoint.Name] = d.Propensity
		plain, _ := s.Decide(context.Background(), &fairwayv1.DecideRequest{Service: "shop"})
		if plain.Propensity != 0.25 {
			t.Fatalf("without a key the propensity is %v", plain.Propensity)
		}
	}
	for name, c := range counts {
		if diff := c/n - told[name]; diff > 0.03 || diff < -0.03 || told[name] == 0.25 {
			t.Errorf("%s: %v of the keys; told %v", name, c/n, told[name])
		}
	}
	in := []*fairwayv1.DecideRequest{{Service: "shop", Headers: map[string]string{"user": "7"}, WantWeights: false}}
	if n := testing.AllocsPerRun(100, func() { answerAll(t, s, in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	weighed, err := s.Decide(context.Background(), &fairwayv1.DecideRequest{Service: "shop", Headers: map[string]string{"user": "7"}, WantWeights: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range weighed.Weights {
		if w.Weight != told[w.Endpoint] {
			t.Errorf("%s: weight %v, told %v", w.Endpoint, w.Weight, told[w.Endpoint])
		}
	}
}
