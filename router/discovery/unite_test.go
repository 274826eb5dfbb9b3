package discovery

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestUnite(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	cluster := func() *Service {
		return &Service{Name: "reviews", Names: []string{"r"}, Source: "kubernetes", Version: "7", Time: early, Endpoints: []Endpoint{
			{Endpoint: mesh.Endpoint{Name: "pod-a", Address: "10.0.0.1:80", Zone: "z"}, State: NotReady, Labels: map[string]string{"v": "1"}},
			{Endpoint: mesh.Endpoint{Name: "pod-b", Address: "10.0.0.2:80"}},
		}}
	}
	file := func() *Service {
		return &Service{Name: "Reviews", Names: []string{"r", "rv"}, Namespace: "shop", Port: Port{Number: 80}, Source: "file", Time: late, Endpoints: []Endpoint{
			{Endpoint: mesh.Endpoint{Name: "10.0.0.1:80", Address: "10.0.0.1:80", Zone: "y", Subset: "s"}, Names: []string{"host-a"}, Labels: map[string]string{"v": "2"}},
			{Endpoint: mesh.Endpoint{Name: "pod-b", Address: "10.9.9.9:80"}},
			{Endpoint: mesh.Endpoint{Name: "10.0.0.3:80", Address: "10.0.0.3:80"}},
		}}
	}
	want := &Service{Name: "reviews", Names: []string{"r", "rv"}, Namespace: "shop", Port: Port{Number: 80}, Source: "kubernetes+file", Version: "7", Time: late, Endpoints: []Endpoint{
		{Endpoint: mesh.Endpoint{Name: "10.0.0.3:80", Address: "10.0.0.3:80"}},
		{Endpoint: mesh.Endpoint{Name: "pod-a", Address: "10.0.0.1:80", Zone: "z", Subset: "s"}, Names: []string{"10.0.0.1:80", "host-a"}, State: NotReady, Labels: map[string]string{"v": "1"}},
		{Endpoint: mesh.Endpoint{Name: "pod-b", Address: "10.0.0.2:80"}},
	}}
	a, b := cluster(), file()
	if got := unite([]*Service{a, b}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(a, cluster()) || !reflect.DeepEqual(b, file()) {
		t.Error("what the sources said was written to")
	}

	// The source that is believed does not answer: endpoints keep its names, but
	// whether they are ready the other knows.
	a.Stale = true
	want.Endpoints[1].State = Ready
	if got := unite([]*Service{a, b}); !reflect.DeepEqual(got, want) {
		t.Errorf("the first is stale: got %+v\nwant %+v", got, want)
	}
	b.Stale, want.Stale, want.Endpoints[1].State = true, true, NotReady
	if got := unite([]*Service{a, b}); !reflect.DeepEqual(got, want) {
		t.Errorf("both are stale: got %+v\nwant %+v", got, want)
	}
	if unite(nil) != nil || unite([]*Service{a}) != a {
		t.Error("of none, or of one")
	}
}

// TestUniteWithoutAddress: what only metrics are read from is no place of its own.
func TestUniteWithoutAddress(t *testing.T) {
	endpoint := func(name, address string, names ...string) Endpoint {
		return Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: address}, Names: names}
	}
	cluster := &Service{Name: "s", Source: "kubernetes", Endpoints: []Endpoint{
		endpoint("pod-a", "10.0.0.1:80", "10.0.0.1", "node"),
		endpoint("pod-b", "10.0.0.2:80", "10.0.0.2", "node"),
	}}
	scraped := &Service{Name: "s", Source: "prometheus", Endpoints: []Endpoint{
		endpoint("10.0.0.1:9102", "", "10.0.0.1", "node"),
		endpoint("10.0.0.2:81", "10.0.0.2:81", "10.0.0.2"), // another port takes requests
		endpoint("node", ""),                               // two are on it
	}}
	names := func(s *Service) (all []string) {
		for _, e := range s.Endpoints {
			all = append(all, e.Name)
		}
		return all
	}
	want := []string{"10.0.0.2:81", "node", "pod-a", "pod-b"}
	if got := names(unite([]*Service{cluster, scraped})); !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	got := unite([]*Service{scraped, cluster}) // now the others are believed
	if want := []string{"10.0.0.1:9102", "10.0.0.2:81", "node", "pod-b"}; !slices.Equal(names(got), want) {
		t.Errorf("got %q; want %q", names(got), want)
	}
	if e := got.Endpoint("pod-a"); e == nil || e.Address != "10.0.0.1:80" {
		t.Errorf("its address was not learned: %+v", e)
	}
}
