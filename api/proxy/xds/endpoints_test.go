package xds

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// TestSplitIsKept: whole weights keep the split within 0.1 %, and an equal share of
// whatever number within 0.1 % of itself.
func TestSplitIsKept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 10, 1000, 20_000} {
		a := &router.Answer{Terms: new(router.Terms)}
		for i := range n {
			a.Endpoints = append(a.Endpoints, mesh.Endpoint{Name: fmt.Sprint(i), Address: fmt.Sprintf("10.0.%d.%d:%d", i/100, i%100, 1+i)})
			a.Weights = append(a.Weights, math.Exp(6*r.NormFloat64()))
		}
		a.Weights.Normalize()
		sum, list := 0.0, parts(a)
		for _, p := range list {
			sum += float64(p.whole)
		}
		for i, p := range list {
			if got := float64(p.whole) / sum; math.Abs(got-a.Weights[i]) > 0.001 {
				t.Errorf("%d endpoints: %v is served as %v", n, a.Weights[i], got)
			}
		}
		if assignment("c", a, grpcClient).ValidateAll() != nil || assignment("c", a, envoy).ValidateAll() != nil || sum > math.MaxUint32 {
			t.Errorf("%d endpoints: not valid, or a sum of %v", n, sum)
		}
		for i := range a.Weights {
			a.Weights[i] = 1 / float64(n)
		}
		if got := float64(n) * float64(parts(a)[0].whole) / float64(max(whole, share*n)); math.Abs(got-1) > 0.001 {
			t.Errorf("an equal share of %d is %v of itself", n, got)
		}
	}
}

// TestWhatIsServed: endpoints without weight or address are left out, an address is
// served once.
func TestWhatIsServed(t *testing.T) {
	a := &router.Answer{
		Terms: &router.Terms{Weights: mesh.Weights{0.4, 0, 0.1, 0.1, 0.2, 0.1, 0.1}, Endpoints: []mesh.Endpoint{
			{Name: "a", Address: "10.0.0.1:80"}, {Name: "ejected", Address: "10.0.0.2:80"}, {Name: "nowhere"}, {Name: "portless", Address: "10.0.0.3"},
			{Name: "twin", Address: "10.0.0.1:80"}, {Name: "b", Address: "[::1]:80"}, {Name: "bad", Address: "10.0.0.4:http"},
		}},
	}
	got := ""
	for _, p := range parts(a) {
		got += fmt.Sprintf("%s %s %d %d; ", p.Name, p.host, p.port, p.whole)
	}
	if want := "a 10.0.0.1 80 8571; b ::1 80 1429; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if a.Weights = make(mesh.Weights, 7); leads(a) {
		t.Error("it leads nowhere")
	}
}
