package rules

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
)

const addressed = `
version: 1
services:
  - name: shop
    endpoints:
      - {name: a, address: "10.0.0.1:8080", subset: v1}
      - {name: b, address: "10.0.0.2:8080", subset: v2}
      - {name: c}
`

func addressedSet(t *testing.T) *Set {
	t.Helper()
	file, err := Parse("rules.yaml", []byte(addressed))
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEndpointOfTheMetrics(t *testing.T) {
	s := addressedSet(t).Service("shop").Service
	for want, seen := range map[string]mesh.Endpoint{
		"a":  {Name: "a", Address: "10.0.0.2:8080"}, // the name comes first
		"b":  {Name: "10.0.0.2:8080"},
		"b ": {Name: "shop-7d9", Address: "10.0.0.2:8080"},
		"c":  {Name: "c"},
	} {
		if got := s.Endpoint(seen); got == nil || got.Name != want[:1] {
			t.Errorf("%+v is %v, want %s", seen, got, want)
		}
	}
	for _, seen := range []mesh.Endpoint{{Name: "d"}, {Name: "10.0.0.1"}, {Name: "d", Address: "10.0.0.3:8080"}} {
		if got := s.Endpoint(seen); got != nil {
			t.Errorf("%+v is %v, want none", seen, got)
		}
	}
}

func TestIdentify(t *testing.T) {
	nan := math.NaN()
	schema := &mesh.Schema{Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: mesh.Up}}}
	w := mesh.Window{
		Service: "shop", Schema: schema,
		Endpoints: []mesh.Endpoint{{Name: "10.0.0.1:8080", Zone: "z"}, {Name: "10.0.0.2:8080"}, {Name: "a", Subset: "v9"}, {Name: "other"}},
		Values:    []float64{1, 11, 2, 12, 3, nan, 4, 14},
		Requests:  []float64{10, 20, nan, 40},
	}
	before := w
	addressedSet(t).Identify(&w)
	want := mesh.Window{
		Service: "shop", Schema: schema,
		Endpoints: []mesh.Endpoint{{Name: "a", Subset: "v9", Zone: "z"}, {Name: "b"}, {Name: "other"}},
		Values:    []float64{3, 11, 2, 12, 4, 14},
		Requests:  []float64{10, 20, 40},
	}
	if diff := cmp.Diff(want, w, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	again := w
	addressedSet(t).Identify(&again)
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("a second time changes something:\n%s", diff)
	}
	unknown := before
	unknown.Service = "elsewhere"
	addressedSet(t).Identify(&unknown)
	(*Set)(nil).Identify(&unknown)
	if unknown.Endpoints[0].Name != "10.0.0.1:8080" {
		t.Errorf("a service that the rules do not know has %v", unknown.Endpoints)
	}
}

// The slow loop identifies every window, and mostly in vain.
func TestIdentifyAllocatesNothingWhereNamesAgree(t *testing.T) {
	set := addressedSet(t)
	w := mesh.Window{Service: "shop", Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	if n := testing.AllocsPerRun(100, func() { set.Identify(&w) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
