package kubernetes

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairway-mesh/fairway/router/discovery"
)

const cart = "cart.shop.svc.cluster.local"

func TestWatch(t *testing.T) {
	f := newFakes(t, []runtime.Object{partial("Pod", "shop", "cart-1", map[string]string{"version": "v2"}, nil), partial("Namespace", "", "shop", nil, nil)},
		service("shop", "cart"), sliceOf("shop", "cart", 3), service("shop", "other"))
	e := follow(t, f.config())
	until(t, "synced", func() bool { return e.holds("synced") })
	heard := e.all()
	slices.Sort(heard)
	if diff := cmp.Diff([]string{"+" + cart, "+other.shop.svc.cluster.local", "synced"}, heard); diff != "" {
		t.Errorf("at first, and labels at once: %s", diff)
	}
	if s := e.service(cart); len(s.Endpoints) != 3 || s.Endpoints[1].Subset != "v2" || s.Time.IsZero() {
		t.Errorf("%+v", s)
	}
	ctx := t.Context()

	no, slice := false, sliceOf("shop", "cart", 3)
	slice.Endpoints[2].Conditions.Ready = &no
	if _, err := f.typed.DiscoveryV1().EndpointSlices("shop").Update(ctx, slice, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "not ready", func() bool { return e.state(cart, "cart-2") == "not_ready" })

	f.put(t, pods, partial("Pod", "shop", "cart-1", map[string]string{"version": "v3"}, nil), true)
	until(t, "relabelled", func() bool { return e.state(cart, "cart-1") == "ready v3" })
	f.put(t, pods, partial("Pod", "shop", "cart-0", map[string]string{"app.kubernetes.io/version": "v1"}, nil), false)
	until(t, "labelled late", func() bool { return e.state(cart, "cart-0") == "ready v1" })

	f.put(t, namespaces, partial("Namespace", "", "shop", nil, map[string]string{DiscoverAnnotation: "false"}), true)
	until(t, "opted out", func() bool { return len(e.names()) == 0 })
	f.put(t, namespaces, partial("Namespace", "", "shop", nil, nil), true)
	until(t, "opted in", func() bool { return len(e.names()) == 2 })

	if err := f.typed.CoreV1().Services("shop").Delete(ctx, "cart", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "deleted", func() bool { return e.service(cart) == nil })
	if _, err := f.typed.CoreV1().Services("shop").Create(ctx, service("shop", "cart"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "found again, with the slices that stayed", func() bool { return len(endpoints(e.service(cart))) == 3 })
	if err := f.typed.DiscoveryV1().EndpointSlices("shop").Delete(ctx, "cart-x", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "empty", func() bool { return len(endpoints(e.service(cart))) == 0 })
	if n := len(slices.DeleteFunc(e.all(), func(h string) bool { return h != "synced" })); n != 1 {
		t.Errorf("synced %d times", n)
	}
}

func endpoints(s *discovery.Service) []discovery.Endpoint {
	if s == nil {
		return nil
	}
	return s.Endpoints
}

// TestOnlyChangesAreTold writes what makes no difference, and then what does.
func TestOnlyChangesAreTold(t *testing.T) {
	f := newFakes(t, nil, service("shop", "cart"), sliceOf("shop", "cart", 2), service("shop", "other"))
	e := follow(t, f.config())
	until(t, "synced", func() bool { return e.holds("synced") })
	before := len(e.all())
	update := func(change func(s *metav1.ObjectMeta)) {
		t.Helper()
		s := sliceOf("shop", "cart", 2)
		change(&s.ObjectMeta)
		if _, err := f.typed.DiscoveryV1().EndpointSlices("shop").Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	update(func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{"a": "b"} })
	f.put(t, pods, partial("Pod", "shop", "stranger", map[string]string{"version": "v1"}, nil), false)
	update(func(m *metav1.ObjectMeta) { m.Labels["kubernetes.io/service-name"] = "other" })
	until(t, "a slice that belongs to another service now", func() bool {
		return len(endpoints(e.service(cart))) == 0 && len(endpoints(e.service("other.shop.svc.cluster.local"))) == 2
	})
	told := e.all()[before:]
	slices.Sort(told)
	if diff := cmp.Diff([]string{"+" + cart, "+other.shop.svc.cluster.local"}, told); diff != "" {
		t.Error(diff)
	}
}

func TestPortOfItsOwnComesAndGoes(t *testing.T) {
	f := newFakes(t, nil, service("shop", "cart"))
	e := follow(t, f.config())
	until(t, "synced", func() bool { return e.holds("synced") })
	two := service("shop", "cart")
	two.Spec.Ports = append(two.Spec.Ports, *two.Spec.Ports[0].DeepCopy())
	two.Spec.Ports[1].Name, two.Spec.Ports[1].Port = "metrics", 9090
	for i, s := range []runtime.Object{two, service("shop", "cart")} {
		if err := f.typed.Tracker().Update(resourceOf(services), s, "shop"); err != nil {
			t.Fatal(err)
		}
		until(t, "ports", func() bool { return len(e.names()) == 2-i })
	}
	if want := []string{"+" + cart, "synced", "+" + cart + ":9090", "-" + cart + ":9090"}; !slices.Equal(e.all(), want) {
		t.Errorf("heard %q, want %q", e.all(), want)
	}
}

func TestSomeNamespaces(t *testing.T) {
	f := newFakes(t, nil, service("a", "cart"), service("b", "cart"), service("c", "cart"))
	cfg := f.config()
	cfg.Namespaces = []string{"b", "a", "b"}
	e := follow(t, cfg)
	until(t, "synced", func() bool { return e.holds("synced") })
	if want := []string{"cart.a.svc.cluster.local", "cart.b.svc.cluster.local"}; !slices.Equal(e.names(), want) {
		t.Errorf("found %q, want %q", e.names(), want)
	}
}

func TestWatchEndsBeforeItBegan(t *testing.T) {
	f := newFakes(t, nil)
	e, stop := followUntil(t, f.config())
	stop()
	if e.holds("trouble") {
		t.Errorf("heard %q", e.all())
	}
}

func TestConfig(t *testing.T) {
	cfg := newFakes(t, nil).config()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"no client":           func(c *Config) { c.Client = nil },
		`namespace "A_b"`:     func(c *Config) { c.Namespaces = []string{"ok", "A_b"} },
		`domain "" of`:        func(c *Config) { c.Domain = "" },
		"no log, clock or":    func(c *Config) { c.Log = nil },
		"no log, clock or ra": func(c *Config) { c.Random = nil },
	} {
		bad := cfg
		change(&bad)
		if _, err := New(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAWrongAnnotationIsSaidOnce(t *testing.T) {
	s := service("shop", "cart")
	s.Annotations = map[string]string{PortAnnotation: "none"}
	f := newFakes(t, nil, s)
	e := follow(t, f.config())
	until(t, "synced", func() bool { return e.holds("synced") })
	if _, err := f.typed.DiscoveryV1().EndpointSlices("shop").Create(t.Context(), sliceOf("shop", "cart", 1), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "an endpoint", func() bool { return len(endpoints(e.service(cart))) == 1 })
	if n := strings.Count(f.logged.String(), `service shop/cart: annotation fairway-mesh.io/port`); n != 1 {
		t.Errorf("said %d times: %s", n, f.logged)
	}
}

// TestWatchedAgain: a directory starts a source that has ended again.
func TestWatchedAgain(t *testing.T) {
	f := newFakes(t, nil, service("shop", "cart"), sliceOf("shop", "cart", 1))
	s, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, stop := context.WithCancel(t.Context())
		e, ended := newEar(), make(chan error, 1)
		go func() { ended <- s.Watch(ctx, e) }()
		until(t, "synced", func() bool { return e.holds("synced") })
		if heard := e.all(); len(heard) != 2 || heard[0] != "+"+cart || len(e.service(cart).Endpoints) != 1 {
			t.Errorf("heard %q", heard)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
