package kubernetes

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	kubetesting "k8s.io/client-go/testing"
)

func resourceOf(name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: name}
}

func forbidden(resource string) func() error {
	return func() error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New(`User "system:serviceaccount:fairway:fairwayd" cannot`))
	}
}

func unreachable() error {
	return &url.Error{Op: "Get", URL: "https://fake", Err: syscall.ECONNREFUSED}
}

// TestSmallerRole: what is not necessary may be forbidden.
func TestSmallerRole(t *testing.T) {
	f := newFakes(t, []runtime.Object{partial("Pod", "shop", "cart-0", map[string]string{"version": "v2"}, nil)}, service("shop", "cart"), sliceOf("shop", "cart", 1))
	refuse(&f.meta.Fake, "*", pods, forbidden(pods))
	refuse(&f.meta.Fake, "*", namespaces, forbidden(namespaces))
	cfg, hurry := f.config(), int64(0)
	cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(atomic.AddInt64(&hurry, int64(patience)))) }
	e := follow(t, cfg)
	until(t, "synced", func() bool { return e.holds("synced") })
	if e.holds("trouble") || e.state(cart, "cart-0") != "ready" {
		t.Errorf("heard %q", e.all())
	}
	until(t, "told", func() bool {
		return strings.Contains(f.logged.String(), "have no subset") && strings.Contains(f.logged.String(), "cannot be opted out")
	})
	for _, want := range []string{"endpoints have no subset", `verb \"list\" on resource \"pods\" is missing: apply cmd/fairwayd/deploy/kubernetes/clusterrole.yaml`, "a namespace cannot be opted out", `resource \"namespaces\"`} {
		if strings.Count(f.logged.String(), want) != 1 {
			t.Errorf("want once %q in %s", want, f.logged)
		}
	}
}

// TestWanted: what a server that has just started forbids is not told; what it forbids
// for longer is, once each time it begins, though client-go asks by two verbs, and that it
// does no more.
func TestWanted(t *testing.T) {
	f, now := newFakes(t, nil), time.Unix(0, 0)
	cfg := f.config()
	cfg.Clock = func() time.Time { return now }
	heard := (&run{cfg: cfg}).wanted(pods, "without")
	list, watch := explain(forbidden(pods)(), "host", "list", pods, ""), explain(forbidden(pods)(), "host", "watch", pods, "")
	for i, c := range []struct {
		after      time.Duration
		err        error
		down, well int
	}{
		{0, list, 0, 0},
		{patience / 2, list, 0, 0},
		{time.Hour, nil, 0, 0},
		{time.Hour, list, 0, 0},
		{patience, unreachable(), 0, 0},
		{0, watch, 1, 0},
		{0, list, 1, 0},
		{patience, watch, 1, 0},
		{0, nil, 1, 1},
		{0, nil, 1, 1},
		{0, watch, 1, 1},
		{patience, list, 2, 1},
		{0, watch, 2, 1},
	} {
		now = now.Add(c.after)
		heard(c.err)
		said := f.logged.String()
		if down, well := strings.Count(said, "kubernetes: without"), strings.Count(said, "pods may be read again"); down != c.down || well != c.well {
			t.Errorf("%d: told %d and %d times, want %d and %d: %s", i, down, well, c.down, c.well, said)
		}
	}
}

// TestNoNamespace: a namespace that is named and not there is told, where one may know.
func TestNoNamespace(t *testing.T) {
	f := newFakes(t, nil, service("shop", "cart"))
	f.meta.PrependReactor("list", namespaces, func(a kubetesting.Action) (bool, runtime.Object, error) { // the fake knows no fields
		list := &metav1.List{}
		if name, _ := a.(kubetesting.ListAction).GetListRestrictions().Fields.RequiresExactMatch("metadata.name"); name == "shop" {
			list.Items = []runtime.RawExtension{{Object: partial("Namespace", "", "shop", nil, nil)}}
		}
		return true, list, nil
	})
	cfg := f.config()
	cfg.Namespaces = []string{"shop", "shpo"}
	e := follow(t, cfg)
	until(t, "synced", func() bool { return e.holds("synced") })
	if said := f.logged.String(); strings.Count(said, "there is no namespace") != 1 || !strings.Contains(said, `no namespace \"shpo\"`) {
		t.Errorf("logged %s", said)
	}
}

// TestForbidden: each verb that is missing is named, with what grants it.
func TestForbidden(t *testing.T) {
	for _, resource := range []string{services, endpointslices} {
		for _, verb := range []string{"list", "watch"} {
			t.Run(verb+" "+resource, func(t *testing.T) {
				f := newFakes(t, nil, service("shop", "cart"), sliceOf("shop", "cart", 1))
				if verb == "list" {
					refuse(&f.typed.Fake, verb, resource, forbidden(resource))
				} else {
					f.typed.PrependWatchReactor(resource, func(kubetesting.Action) (bool, apiwatch.Interface, error) { return true, nil, forbidden(resource)() })
				}
				e := follow(t, f.config())
				want := fmt.Sprintf(`trouble: the API server forbids to %s %s in all namespaces: its verb %q on resource %q is missing: apply cmd/fairwayd/deploy/kubernetes/clusterrole.yaml`, verb, resource, verb, resource)
				until(t, want, func() bool { return e.holds(want) })
				if verb == "watch" {
					until(t, "what could be listed", func() bool { return e.holds("synced") && e.state(cart, "cart-0") == "ready" })
				} else if e.holds("synced") || e.holds("+") {
					t.Errorf("told what it cannot know: %q", e.all())
				}
			})
		}
	}
}

// TestForbiddenInOneNamespace: the others are told.
func TestForbiddenInOneNamespace(t *testing.T) {
	f := newFakes(t, nil, service("a", "cart"), service("b", "cart"))
	f.typed.PrependReactor("list", services, func(a kubetesting.Action) (bool, runtime.Object, error) {
		return a.GetNamespace() == "b", nil, forbidden(services)()
	})
	cfg := f.config()
	cfg.Namespaces = []string{"a", "b"}
	e := follow(t, cfg)
	until(t, "the one that may be read", func() bool { return e.service("cart.a.svc.cluster.local") != nil })
	until(t, "trouble", func() bool {
		return e.holds("list services in namespace b") && e.holds("apply cmd/fairwayd/deploy/kubernetes/namespaced/role.yaml there")
	})
	if e.holds("synced") {
		t.Errorf("synced without b: %q", e.all())
	}
}

func TestUnauthorized(t *testing.T) {
	f := newFakes(t, nil)
	refuse(&f.typed.Fake, "list", "*", func() error { return apierrors.NewUnauthorized("token has expired") })
	e := follow(t, f.config())
	until(t, "trouble", func() bool {
		return e.holds("does not know who asks: mount a service account's token (automountServiceAccountToken: true), or renew the kubeconfig's")
	})
	if n := len(e.all()); n != 1 {
		t.Errorf("two informers say the same, once: %q", e.all())
	}
}

// TestUnreachableAtFirst: it goes on asking, says so once, and says all when somebody
// answers.
func TestUnreachableAtFirst(t *testing.T) {
	f := newFakes(t, []runtime.Object{partial("Pod", "shop", "cart-0", map[string]string{"version": "v2"}, nil)}, service("shop", "cart"), sliceOf("shop", "cart", 1))
	var down atomic.Bool
	down.Store(true)
	away := func() error {
		if down.Load() {
			return unreachable()
		}
		return nil
	}
	refuse(&f.typed.Fake, "list", "*", away)
	refuse(&f.meta.Fake, "list", "*", away)
	e := follow(t, f.config())
	until(t, "trouble", func() bool { return e.holds("the API server at https://fake does not answer") })
	down.Store(false)
	until(t, "synced", func() bool { return e.holds("synced") })
	heard := e.all()
	if len(heard) < 3 || heard[1] != "+"+cart || heard[2] != "synced" || e.state(cart, "cart-0") != "ready v2" {
		t.Errorf("heard %q", heard)
	}
	if f.logged.String() != "" {
		t.Errorf("pods' trouble is the same: %s", f.logged)
	}
}

// TestUnreachableForAWhile: a watch that cannot begin again is trouble, which client-go
// would keep to itself; what changed meanwhile is told when it can, once.
func TestUnreachableForAWhile(t *testing.T) {
	f := newFakes(t, nil, service("shop", "cart"), service("shop", "gone"), sliceOf("shop", "cart", 2))
	var down atomic.Bool
	stop := make(chan func(), 100) // the watches that stand
	f.typed.PrependWatchReactor("*", func(a kubetesting.Action) (bool, apiwatch.Interface, error) {
		if down.Load() {
			return true, nil, unreachable()
		}
		w, err := f.typed.Tracker().Watch(a.GetResource(), a.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		stop <- w.Stop
		return true, w, nil
	})
	refuse(&f.typed.Fake, "list", "*", func() error {
		if down.Load() {
			return unreachable()
		}
		return nil
	})
	e := follow(t, f.config())
	until(t, "synced", func() bool { return e.holds("synced") && len(stop) == 2 })
	down.Store(true)
	for range 2 {
		(<-stop)()
	}
	until(t, "trouble", func() bool { return e.holds("does not answer") })
	if err := f.typed.Tracker().Delete(resourceOf(services), "shop", "gone"); err != nil {
		t.Fatal(err)
	}
	if err := f.typed.Tracker().Add(service("shop", "new")); err != nil {
		t.Fatal(err)
	}
	before := len(e.all())
	down.Store(false)
	until(t, "well", func() bool { return e.holds("well") })
	for range 2 { // the fake's watch begins now, not at a version: have it listed, as after 410 Gone
		(<-stop)()
	}
	until(t, "what has changed", func() bool {
		return slices.Equal(e.names(), []string{cart, "new.shop.svc.cluster.local"})
	})
	told := e.all()[before:]
	slices.Sort(told)
	if want := []string{"+new.shop.svc.cluster.local", "-gone.shop.svc.cluster.local", "well"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestPodsThatNeverCome: a list that nobody answers keeps the rest waiting for its
// grace only.
func TestPodsThatNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t, nil, service("shop", "cart"), sliceOf("shop", "cart", 1))
		refuse(&f.meta.Fake, "list", pods, unreachable)
		start := time.Now()
		e := follow(t, f.config())
		until(t, "synced", func() bool { return e.holds("synced") })
		if took := time.Since(start); took < grace || took > grace+time.Second {
			t.Errorf("synced after %v, want %v", took, grace)
		}
	})
}

func TestEndsWhileUnreachable(t *testing.T) {
	f := newFakes(t, nil)
	refuse(&f.typed.Fake, "*", "*", unreachable)
	refuse(&f.meta.Fake, "*", "*", unreachable)
	e, stop := followUntil(t, f.config())
	until(t, "trouble", func() bool { return e.holds("does not answer") })
	stop()
}

func TestPause(t *testing.T) {
	for attempt, want := range map[int]float64{0: 0.5, 1: 1, 4: 8, 5: 10, 1 << 40: 10} {
		if got := pause(attempt, 1).Seconds(); got != want {
			t.Errorf("pause(%d, 1) = %g s, want %g", attempt, got, want)
		}
		if got := pause(attempt, 0).Seconds(); got != want/2 {
			t.Errorf("pause(%d, 0) = %g s, want %g", attempt, got, want/2)
		}
	}
}
