package discovery

import (
	"fmt"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// cluster is 500 services of 10 endpoints.
func cluster() []*Service {
	var all []*Service
	for i := range 500 {
		all = append(all, clusterService(i, Ready))
	}
	return all
}

// clusterService has one endpoint in a state.
func clusterService(i int, first State) *Service {
	port := Port{Name: "http", Number: 80}
	s := &Service{Namespace: "shop", Port: port}
	s.Name, s.Names = ClusterNames(fmt.Sprintf("service-%d", i), "shop", "cluster.local", port, true)
	for j := range 10 {
		ip := fmt.Sprintf("10.%d.%d.%d", i>>8, i&255, j)
		s.Endpoints = append(s.Endpoints, Endpoint{Endpoint: mesh.Endpoint{Name: fmt.Sprintf("service-%d-%d", i, j), Address: ip + ":8080", Zone: "z"}, Names: []string{ip}, Labels: map[string]string{"version": "v1"}})
	}
	s.Endpoints[0].State = first
	return s
}

func filled(b *testing.B) (*Directory, *sink) {
	d, err := New(DefaultConfig(), newScript("kubernetes"))
	if err != nil {
		b.Fatal(err)
	}
	to := &sink{d, d.all[0]}
	for _, s := range cluster() {
		to.Put(s)
	}
	to.Synced()
	d.publish()
	return d, to
}

// BenchmarkOneEndpoint is a readiness flip among 5,000 endpoints, until the snapshot.
func BenchmarkOneEndpoint(b *testing.B) {
	d, to := filled(b)
	flips := [2]*Service{clusterService(7, NotReady), clusterService(7, Ready)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := *flips[i%2]
		to.Put(&s)
		d.publish()
	}
}

// BenchmarkOneService comes and goes: the index is made anew.
func BenchmarkOneService(b *testing.B) {
	d, to := filled(b)
	one := clusterService(777, Ready)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			s := *one
			to.Put(&s)
		} else {
			to.Delete(one.Name)
		}
		d.publish()
	}
}

// BenchmarkEverything is all 5,000 endpoints told for the first time.
func BenchmarkEverything(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, err := New(DefaultConfig(), newScript("kubernetes"))
		if err != nil {
			b.Fatal(err)
		}
		all := cluster()
		b.StartTimer()
		to := &sink{d, d.all[0]}
		for _, s := range all {
			to.Put(s)
		}
		to.Synced()
		d.publish()
	}
}

func BenchmarkServiceByName(b *testing.B) {
	d, _ := filled(b)
	s := d.Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if s.Service("service-77.shop") == nil {
			b.Fatal("not found")
		}
	}
}
