package router

import (
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestFullNames: Istio's metrics call services by their full names, and the rules by
// short ones. Both ask for the same routes, whichever came first, the rules or the
// metrics.
func TestFullNames(t *testing.T) {
	v2 := rules.Service{Name: "reviews", Routes: []rules.Route{{Name: "all", To: []rules.Target{{Subset: "v2", Weight: 100}}}}}
	set, err := rules.Compile(&rules.File{Home: "shop", Services: []rules.Service{v2, {Name: "reviews.blog"}}})
	if err != nil {
		t.Fatal(err)
	}
	const full = "reviews.shop.svc.cluster.local"
	f := frame(0, three()...)
	f.Service = full
	for i, subset := range []string{"v1", "v1", "v2"} {
		f.Endpoints[i].Subset = subset
	}
	d := decide(t, learnt(t), f)
	d.Service = full
	for _, order := range []string{"rules first", "metrics first"} {
		table := NewTable(nil, DefaultConfig())
		if order == "rules first" {
			table.SetRules(set)
		}
		table.Publish(&d, f)
		table.SetRules(set)
		for _, name := range []string{"reviews", full, "reviews.shop", "reviews.shop.svc"} {
			got := table.Load(name).Decide(&mesh.Request{Service: name}, 7)
			if got.Route != "all" || got.Subset != "v2" || got.Endpoints[got.Endpoint].Name != "b1" {
				t.Errorf("%s: %s: %+v of %v", order, name, got, got.Terms)
			}
		}
		if list := table.Services(); len(list) != 2 {
			t.Errorf("%s: services %q; want the two of the rules", order, list)
		}
		for _, name := range []string{"reviews.blog.svc.cluster.local", "reviews.other", "reviews.shop.example.com", "ratings"} {
			if got := table.Load(name).Decide(&mesh.Request{Service: name}, 7); got.Endpoint >= 0 {
				t.Errorf("%s: %s is not reviews of shop: %+v", order, name, got)
			}
		}
	}
}
