package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes/kubetest"
)

// cluster runs a real API server that lets the daemon what its manifests say, with
// what else is there.
func cluster(t *testing.T, manifests string) *kubetest.Server {
	t.Helper()
	s := kubetest.Start(t)
	for _, name := range []string{"clusterrole.yaml", "clusterrolebinding.yaml"} {
		text, err := os.ReadFile("deploy/kubernetes/" + name)
		if err != nil {
			t.Fatal(err)
		}
		manifests = "---\n" + string(text) + manifests
	}
	s.Apply(t, manifests)
	return s
}

// pages waits until the metrics of a daemon have these lines.
func (p *program) pages(t *testing.T, lines ...string) {
	t.Helper()
	soonest(t, func() error {
		_, page := p.get(t, "/metrics")
		for _, line := range lines {
			if !strings.Contains(page, "\n"+line+"\n") {
				return fmt.Errorf("no line %q", line)
			}
		}
		return nil
	})
}

// TestKubeServed: a daemon that is told nothing but where the cluster is serves a
// service of it, follows readiness within 2 s, decides on while the API server is gone,
// and when it is back has lost and doubled nothing.
func TestKubeServed(t *testing.T) {
	s := cluster(t, kubetest.Namespace("shop")+kubetest.Service("shop", "cart", true, true, true)+kubetest.Service("shop", "gone", true, true))
	p := start(t, "--kubeconfig", s.Kubeconfig(t, kubetest.Daemon))
	p.shares(t, "cart", "cart-0", "cart-1", "cart-2")
	p.shares(t, "cart.shop.svc.cluster.local:80", "cart-0", "cart-1", "cart-2")

	var took []time.Duration
	for i := range 20 {
		ready, want := i%2 == 1, []string{"cart-0", "cart-2"}
		if ready {
			want = []string{"cart-0", "cart-1", "cart-2"}
		}
		start := time.Now()
		s.Apply(t, kubetest.Service("shop", "cart", true, ready, true))
		p.shares(t, "cart", want...)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("weights follow readiness within, from the beginning of its write: median %v, longest %v", took[10], took[19])
	if took[19] > 2*time.Second {
		t.Errorf("a flip was served after %v, want within 2 s", took[19])
	}

	s.Kill(t)
	p.pages(t, `fairway_discovery_source_up{source="kubernetes"} 0`, `fairway_discovery_stale_services{source="kubernetes"} 2`)
	p.shares(t, "cart", "cart-0", "cart-1", "cart-2")
	s.Elsewhere(t, func(other *kubetest.Server) {
		other.Apply(t, kubetest.Service("shop", "cart", true, false, true, true)+kubetest.Service("shop", "new", true))
		other.Delete(t, kubetest.Service("shop", "gone"))
	})
	p.shares(t, "cart", "cart-0", "cart-1", "cart-2")
	s.Again(t)
	start := time.Now()
	p.shares(t, "cart", "cart-0", "cart-2", "cart-3")
	p.shares(t, "new", "new-0")
	t.Logf("what changed while the API server was away is served %v after it is ready", time.Since(start))
	p.pages(t, `fairway_discovery_source_up{source="kubernetes"} 1`, `fairway_discovery_stale_services{source="kubernetes"} 0`, `fairway_discovery_services{source="kubernetes"} 2`)
	if all := p.weights(t, "gone"); len(all) > 0 {
		t.Errorf("a service that is gone is served: %v", all)
	}
	if all := p.weights(t, "cart"); len(all) != 4 {
		t.Errorf("cart has %v, want four endpoints", slices.Sorted(maps.Keys(all)))
	}
}
