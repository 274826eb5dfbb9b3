package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestServiceByName(t *testing.T) {
	s := NewSnapshot(1, []*Service{
		{Name: "reviews.shop.svc.cluster.local", Names: []string{"reviews.shop", "reviews", "Shop-Reviews"}},
		{Name: "reviews.test.svc.cluster.local", Names: []string{"reviews.test", "reviews"}},
		{Name: "ratings.shop.svc.cluster.local", Names: []string{"ratings.shop", "ratings", "ratings"}},
		{Name: "ratings", Names: []string{"reviews.shop.svc.cluster.local"}},
	})
	for name, want := range map[string]string{
		"reviews.shop.svc.cluster.local":  "reviews.shop.svc.cluster.local", // a Name before Names
		"reviews.shop.svc.cluster.local.": "reviews.shop.svc.cluster.local",
		"Reviews.Shop":                    "reviews.shop.svc.cluster.local",
		"shop-reviews":                    "reviews.shop.svc.cluster.local",
		"reviews.test":                    "reviews.test.svc.cluster.local",
		"ratings":                         "ratings",
		"ratings.shop":                    "ratings.shop.svc.cluster.local",
		"reviews":                         "", // two have it
		"details":                         "",
		"":                                "",
		".":                               "",
	} {
		got := ""
		if found := s.Service(name); found != nil {
			got = found.Name
		}
		if got != want {
			t.Errorf("%q is %q; want %q", name, got, want)
		}
	}
	if got := s.Namesakes("Reviews."); !slices.Equal(got, []string{"reviews.shop.svc.cluster.local", "reviews.test.svc.cluster.local"}) {
		t.Errorf("reviews are %q", got)
	}
	for _, name := range []string{"ratings", "reviews.shop", "details", ""} {
		if got := s.Namesakes(name); got != nil {
			t.Errorf("%q is of %q", name, got)
		}
	}
	if (*Snapshot)(nil).Namesakes("a") != nil || (*Snapshot)(nil).Service("a") != nil || (*Snapshot)(nil).Services() != nil {
		t.Error("of no snapshot")
	}
}

func TestEndpointByName(t *testing.T) {
	s := &Service{Endpoints: []Endpoint{
		{Endpoint: mesh.Endpoint{Name: "a", Address: "10.0.0.1:80"}, Names: []string{"10.0.0.1", "host", "b"}},
		{Endpoint: mesh.Endpoint{Name: "b", Address: "10.0.0.2:80"}, Names: []string{"10.0.0.2", "host"}},
	}}
	for name, want := range map[string]string{"a": "a", "b": "b", "10.0.0.2:80": "b", "10.0.0.1": "a", "host": "", "c": ""} {
		got := ""
		if e := s.Endpoint(name); e != nil {
			got = e.Name
		}
		if got != want {
			t.Errorf("%q is %q; want %q", name, got, want)
		}
	}
	if (*Service)(nil).Endpoint("a") != nil {
		t.Error("of no service")
	}
}

func TestClusterNames(t *testing.T) {
	name, names := ClusterNames("reviews", "shop", "cluster.local", Port{Name: "http", Number: 80}, true)
	if name != "reviews.shop.svc.cluster.local" || !slices.Equal(names, []string{
		"reviews.shop.svc", "reviews.shop", "reviews",
		"reviews.shop.svc.cluster.local:80", "reviews.shop.svc.cluster.local:http", "reviews.shop.svc:80", "reviews.shop.svc:http",
		"reviews.shop:80", "reviews.shop:http", "reviews:80", "reviews:http",
	}) {
		t.Errorf("the main port: %s %q", name, names)
	}
	name, names = ClusterNames("reviews", "shop", "cluster.local", Port{Number: 9090}, false)
	if name != "reviews.shop.svc.cluster.local:9090" || !slices.Equal(names, []string{"reviews.shop.svc:9090", "reviews.shop:9090", "reviews:9090"}) {
		t.Errorf("another port: %s %q", name, names)
	}
	if name, _ = ClusterNames("reviews", "shop", "cluster.local", Port{}, false); name != "reviews.shop.svc.cluster.local" {
		t.Errorf("a port that is unknown: %s", name)
	}
}

func TestTidy(t *testing.T) {
	s := &Service{Name: "a.", Names: []string{"b", "", "\xff"}, Stale: true, Endpoints: []Endpoint{
		{Endpoint: mesh.Endpoint{Name: "z"}},
		{Endpoint: mesh.Endpoint{Address: "10.0.0.1:80"}},
		{Endpoint: mesh.Endpoint{Name: "y", Address: "[FD00:0::1]:80"}},
		{},
		{Endpoint: mesh.Endpoint{Name: "bad\xff"}},
		{Endpoint: mesh.Endpoint{Name: "c", Zone: "\xff"}},
		{Endpoint: mesh.Endpoint{Name: "d", Address: "a\nb"}},
		{Endpoint: mesh.Endpoint{Name: "z", Zone: "twice"}},
	}}
	if why := tidy(s, "file", time.Time{}); why != "" {
		t.Fatal(why)
	}
	if s.Name != "a" || s.Stale || s.Source != "file" || !slices.Equal(s.Names, []string{"b"}) || len(s.Endpoints) != 3 || s.Endpoints[1].Address != "[fd00::1]:80" || s.Endpoints[0].Name != "10.0.0.1:80" || s.Endpoints[2].Name != "z" || s.Endpoints[2].Zone != "" {
		t.Errorf("%+v", s)
	}
	for _, bad := range []*Service{nil, {}, {Name: "."}, {Name: "a\x00"}, {Name: "\xff"}} {
		if tidy(bad, "file", time.Time{}) == "" {
			t.Errorf("%+v is taken", bad)
		}
	}
}
