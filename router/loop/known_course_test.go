package loop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestAnyCourse holds, whatever comes in whatever order, that weights sum to 1, that who
// is not ready gets nothing while another is, unless it has served before and is said to
// carry on, and that names do not depend on the order.
func TestAnyCourse(t *testing.T) {
	names := []string{"c-0", "c-1", "c-2", "c-3", "c-4"}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(t, nil, Change{}, nil)
		states, ever, served := map[string]discovery.State{}, map[string]bool{}, map[string]bool{}
		shown := func(i int) string { // as metrics may call it
			return []string{names[i], fmt.Sprintf("10.0.0.%d", i), fmt.Sprintf("10.0.0.%d:9090", i), "default/" + names[i]}[seed%4]
		}
		for range 40 {
			if random.IntN(2) == 0 {
				states = map[string]discovery.State{}
				var pods []discovery.Endpoint
				for i, name := range names {
					if random.IntN(5) > 0 {
						states[name], ever[name] = discovery.State(random.IntN(3)), true
						pods = append(pods, pod(name, i, states[name]))
					}
					state, there := states[name]
					served[name] = served[name] && (there || !ever[name]) || there && state == discovery.Ready
				}
				w.know(kube("checkout", pods...))
			} else {
				var seen []string
				for i := range names {
					if random.IntN(4) > 0 {
						seen = append(seen, shown(i))
						served[names[i]] = served[names[i]] || !ever[names[i]]
					}
				}
				w.plainly("checkout.default", seen...)
			}
			if len(states) == 0 {
				continue
			}
			ready := false
			for _, s := range states {
				ready = ready || s == discovery.Ready
			}
			r := w.Table().Load("checkout")
			for _, a := range r.Answers() {
				if err := a.Weights.Validate(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				for i, e := range a.Endpoints {
					state, there := states[e.Name]
					switch {
					case !ever[e.Name] && !slices.ContainsFunc(names, func(name string) bool { return !ever[name] && shown(slices.Index(names, name)) == e.Name }):
						t.Fatalf("seed %d: endpoint %s; want it called by one of %q", seed, e.Name, names)
					case there && ready && state != discovery.Ready && a.Weights[i] > 0 && !(served[e.Name] && carries(r.Decision, e.Name)):
						t.Fatalf("seed %d: %s is %v and gets %v", seed, e.Name, state, a.Weights[i])
					}
				}
			}
			for name := range states {
				if !slices.ContainsFunc(r.Endpoints, func(e mesh.Endpoint) bool { return e.Name == name }) {
					t.Fatalf("seed %d: %s is not served: %v", seed, name, r.Endpoints)
				}
			}
		}
	}
}

// carries reports whether a decision says that an endpoint serves though it is not ready.
func carries(d *router.Decision, name string) bool {
	i := slices.IndexFunc(d.Endpoints, func(e mesh.Endpoint) bool { return e.Name == name })
	return i >= 0 && d.Carries[i] && strings.HasSuffix(d.Health[i].Reason, "; serves since few are ready")
}

// TestOneOfManyServices holds that a flip decides one service.
func TestOneOfManyServices(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	services := fleet(500, 10)
	w.know(services...)
	w.all(services)
	told := w.decided()
	version := w.Table().Version()
	w.Know(flip(services, discovery.NotReady))
	if len(*told) != 1 || !slices.Equal((*told)[0], []string{"s0.default"}) || w.Table().Version() != version+1 {
		t.Errorf("decided on %q in %d editions", *told, w.Table().Version()-version)
	}
	for i := range services {
		if r := w.Table().Load(fmt.Sprintf("s%d", i)); i > 0 && r.Version > version {
			t.Fatalf("s%d was made anew", i)
		}
	}
}
