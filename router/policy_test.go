package router

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
)

func TestNamed(t *testing.T) {
	want := []string{
		"adaptive", "board", "capacity", "curve_solver", "ewma_weights", "fairway", "learned", "least_latency",
		"load_interpretation", "performance_aware", "pid", "queueing", "round_robin", "static", "wrr_metrics",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Error(diff)
	}
	for _, name := range Names() {
		p, err := Named(name, uncorrected(t), nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != name {
			t.Errorf("%s calls itself %s", name, p.Name())
		}
		if _, says := p.(interface{ FeatureConfig() features.Config }); says != (name == "fairway" || name == "learned") {
			t.Errorf("%s says how its frames are made: %v", name, says)
		}
		without, err := Named(name, nil, nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		decide(t, without, frame(0, six()...))
	}
	if _, err := Named("magic", nil, nil, DefaultConfig()); err == nil || !strings.Contains(err.Error(), "use one of adaptive, board") {
		t.Errorf("got %v; want the names there are", err)
	}
	if _, err := Named("static", nil, nil, Config{}); err == nil || !strings.Contains(err.Error(), "ttl") {
		t.Errorf("got %v; want a complaint about the config", err)
	}
}

// TestPromises holds every policy to what a proxy relies on: weights sum to 1
// and are not negative, do not depend on the order of the endpoints; an
// ejected endpoint gets 0; never more than the maximum is ejected.
func TestPromises(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(len(name))))
			for _, n := range []int{1, 2, 3, 6, 25} {
				cfg := DefaultConfig()
				p, err := Named(name, uncorrected(t), nil, cfg)
				if err != nil {
					t.Fatal(err)
				}
				other, _ := Named(name, uncorrected(t), nil, cfg)
				for k, list := range story(r, n, 80) {
					d := decide(t, p, frame(k, list...))
					ejected := 0
					for i := range d.Weights {
						if d.Ejected[i] {
							if list[i].up != 0 {
								ejected++
							}
							if d.Weights[i] != 0 {
								t.Fatalf("window %d: %s is ejected and gets %v", k, d.Endpoints[i].Name, d.Weights[i])
							}
						}
					}
					if most := max(1, n/10); ejected > most || ejected == n {
						t.Fatalf("window %d: %d of %d ejected; at most %d may be", k, ejected, n, most)
					}
					r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
					shuffled := decide(t, other, frame(k, list...))
					for i, e := range shuffled.Endpoints {
						at := slices.IndexFunc(d.Endpoints, func(x endpoint) bool { return x.Name == e.Name })
						if math.Abs(shuffled.Weights[i]-d.Weights[at]) > 1e-9 || shuffled.Ejected[i] != d.Ejected[at] {
							t.Fatalf("window %d: %s gets %v in one order and %v in another", k, e.Name, d.Weights[at], shuffled.Weights[i])
						}
					}
				}
			}
		})
	}
}
