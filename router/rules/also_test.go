package rules

import "testing"

// TestAlso holds that a service goes by other names once somebody knows them.
func TestAlso(t *testing.T) {
	set, err := Compile(&File{Services: []Service{{Name: "reviews"}, {Name: "reviews.other"}}})
	if err != nil {
		t.Fatal(err)
	}
	(*Set)(nil).Also(map[string]string{"a": "b"})
	for _, c := range []struct {
		aliases map[string]string
		want    string
	}{{nil, "reviews.default"}, {map[string]string{"reviews.default": "reviews", "reviews.other": "reviews"}, "reviews"}, {map[string]string{}, "reviews.default"}} {
		if c.aliases != nil {
			set.Also(c.aliases)
		}
		if got := set.Canonical("reviews.default"); got != c.want || set.Canonical("reviews.other") != "reviews.other" {
			t.Errorf("with %v: %s; want %s", c.aliases, got, c.want)
		}
		if found := set.Service("reviews.default").Service.Name == "reviews"; found != (c.want == "reviews") {
			t.Errorf("with %v: found is %v", c.aliases, found)
		}
	}
	if !set.Names("reviews") || set.Names("reviews.default") || (*Set)(nil).Names("reviews") {
		t.Error("Names does not tell what the file names")
	}
}

// TestSelects holds which endpoints a subset's labels are those of.
func TestSelects(t *testing.T) {
	s := &Subset{Name: "canary", Labels: map[string]string{"version": "v2", "track": "canary"}}
	for _, c := range []struct {
		labels map[string]string
		want   bool
	}{{nil, false}, {map[string]string{"version": "v2"}, false}, {map[string]string{"version": "v2", "track": "canary", "x": "y"}, true}} {
		if got := s.Selects(c.labels); got != c.want {
			t.Errorf("%v: %v", c.labels, got)
		}
	}
	if (&Subset{Name: "all"}).Selects(map[string]string{"a": "b"}) {
		t.Error("a subset without labels selects")
	}
}
