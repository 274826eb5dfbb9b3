package kubernetes

import (
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes/kubetest"
)

// TestKubeReplaced: another etcd behind the same address has versions of its own. What it
// does not know is gone, and what changes there is heard of at once.
func TestKubeReplaced(t *testing.T) {
	s := kubetest.Start(t)
	roles := deployed(t, "clusterrole.yaml") + deployed(t, "clusterrolebinding.yaml") + kubetest.Namespace("shop")
	s.Apply(t, roles+kubetest.Service("shop", "cart", true, true)+kubetest.Service("shop", "gone", true))
	e := follow(t, asDaemon(t, s))
	until(t, "synced", func() bool { return e.holds("synced") })
	for range 20 { // the versions of before are far ahead
		s.Apply(t, kubetest.Service("shop", "cart", true, false)+kubetest.Service("shop", "cart", true, true))
	}
	defer func() { t.Logf("heard %q", e.all()) }()
	s.Replace(t)
	s.Apply(t, roles+kubetest.Service("shop", "new", true))
	began := time.Now()
	took := hears(t, "what there is now", func() bool { return slices.Equal(e.names(), []string{"new.shop.svc.cluster.local"}) })
	t.Logf("what there is now is told after %v", took)
	s.Apply(t, kubetest.Service("shop", "new", false))
	hears(t, "a flip there", func() bool { return e.state("new.shop.svc.cluster.local", "new-0") == "not_ready" })
	if all := time.Since(began); all > 40*time.Second {
		t.Errorf("it took %v", all)
	}
}
