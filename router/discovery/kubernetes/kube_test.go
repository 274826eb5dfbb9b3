package kubernetes

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/kubernetes/kubetest"
)

// deployed is a manifest that is handed out.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../cmd/fairwayd/deploy/kubernetes", name))
	if err != nil {
		t.Fatal(err)
	}
	return "---\n" + string(text)
}

// asDaemon is the configuration of a daemon that has nothing but its token.
func asDaemon(t *testing.T, s *kubetest.Server) Config {
	t.Helper()
	client, err := Connect(s.Kubeconfig(t, kubetest.Daemon))
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Client = client
	return cfg
}

// hears waits as until does, closely, and returns how long it took.
func hears(t *testing.T, what string, is func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	until(t, what, is)
	return time.Since(start)
}

func TestKubeServiceIsFound(t *testing.T) {
	s := kubetest.Start(t)
	s.Apply(t, deployed(t, "clusterrole.yaml")+deployed(t, "clusterrolebinding.yaml")+
		kubetest.Namespace("shop")+kubetest.Service("shop", "cart", true, true, true))
	s.Apply(t, `{apiVersion: v1, kind: Pod, metadata: {name: cart-0, namespace: shop, labels: {app: cart, version: v2}}, spec: {containers: [{name: a, image: a}]}}`)
	e := follow(t, asDaemon(t, s))
	until(t, "synced", func() bool { return e.holds("synced") })
	found := e.service(cart)
	if found == nil || len(found.Endpoints) != 3 || !slices.Equal(e.names(), []string{cart}) {
		t.Fatalf("found %q: %+v", e.names(), found)
	}
	first := found.Endpoint("10.1.0.1")
	if first.Name != "cart-0" || first.Address != "10.1.0.1:8080" || first.Subset != "v2" || first.Zone != "eu-1a" || first.State != discovery.Ready {
		t.Errorf("%+v", first)
	}
	var took []time.Duration
	written := s.Admin(t).DiscoveryV1().EndpointSlices("shop")
	for i := range 20 {
		slice, err := written.Get(t.Context(), "cart-x", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ready := i%2 == 1
		slice.Endpoints[1].Conditions.Ready = &ready
		start := time.Now()
		if _, err := written.Update(t.Context(), slice, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		until(t, "a flip", func() bool { return (e.state(cart, "cart-1") == "ready") == ready })
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("a readiness flip is told within, from the beginning of its write: median %v, longest %v", took[10], took[19])
	if took[19] > 2*time.Second {
		t.Errorf("a flip took %v, want within 2 s", took[19])
	}

	s.Apply(t, `{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {fairway-mesh.io/discover: "false"}}}`)
	until(t, "opted out", func() bool { return len(e.names()) == 0 })
	s.Apply(t, kubetest.Namespace("shop"))
	until(t, "in again", func() bool { return len(e.names()) == 1 })
	s.Delete(t, kubetest.Service("shop", "cart"))
	until(t, "deleted", func() bool { return len(e.names()) == 0 })
	if e.holds("trouble") {
		t.Errorf("heard %q", e.all())
	}
}

// TestKubeServerGoesAndReturns: what it said stays, what changed meanwhile is told once.
func TestKubeServerGoesAndReturns(t *testing.T) {
	s := kubetest.Start(t)
	s.Apply(t, deployed(t, "clusterrole.yaml")+deployed(t, "clusterrolebinding.yaml")+kubetest.Namespace("shop")+
		kubetest.Service("shop", "cart", true, true, true)+kubetest.Service("shop", "gone", true)+kubetest.Service("shop", "same", true))
	e := follow(t, asDaemon(t, s))
	until(t, "synced", func() bool { return e.holds("synced") })
	s.Kill(t)
	t.Logf("trouble is told %v after the API server was killed", hears(t, "trouble", func() bool { return e.holds("does not answer") }))
	if len(e.names()) != 3 {
		t.Errorf("it forgot: %q", e.names())
	}
	before := len(e.all())
	s.Elsewhere(t, func(other *kubetest.Server) {
		other.Apply(t, kubetest.Service("shop", "cart", true, false)+kubetest.Service("shop", "new", true))
		other.Delete(t, kubetest.Service("shop", "gone"))
	})
	s.Again(t)
	took := hears(t, "what has changed", func() bool {
		return e.holds("well") && e.state(cart, "cart-1") == "not_ready" && e.state(cart, "cart-2") == "" &&
			slices.Equal(e.names(), []string{cart, "new.shop.svc.cluster.local", "same.shop.svc.cluster.local"}) && len(e.service("new.shop.svc.cluster.local").Endpoints) == 1
	})
	t.Logf("what changed while it was away is told %v after it is ready again", took)
	for _, heard := range e.all()[before:] {
		if strings.HasPrefix(heard, "+same") || heard == "synced" {
			t.Errorf("told again: %q", e.all()[before:])
		}
	}
}

// TestKubeMany: 5,000 endpoints of 500 services are there within 5 s.
func TestKubeMany(t *testing.T) {
	const many, each = 500, 10
	s := kubetest.Start(t)
	s.Apply(t, deployed(t, "clusterrole.yaml")+deployed(t, "clusterrolebinding.yaml")+kubetest.Namespace("shop"))
	admin := s.Admin(t)
	var writing sync.WaitGroup
	next := make(chan int)
	for range 16 {
		writing.Go(func() {
			for i := range next {
				name := fmt.Sprintf("s%03d", i)
				one := service("shop", name)
				one.Spec.ClusterIP = ""
				if _, err := admin.CoreV1().Services("shop").Create(t.Context(), one, metav1.CreateOptions{}); err != nil {
					t.Error(err)
				}
				if _, err := admin.DiscoveryV1().EndpointSlices("shop").Create(t.Context(), sliceOf("shop", name, each), metav1.CreateOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range many {
		next <- i
	}
	close(next)
	writing.Wait()
	if t.Failed() {
		t.FailNow()
	}
	cfg := asDaemon(t, s)
	start := time.Now()
	e := follow(t, cfg)
	until(t, "synced", func() bool { return e.holds("synced") })
	took := time.Since(start)
	total := 0
	for _, name := range e.names() {
		total += len(e.service(name).Endpoints)
	}
	if len(e.all()) != many+1 || total != many*each {
		t.Errorf("%d endpoints, told by %d words; want %d by %d", total, len(e.all()), many*each, many+1)
	}
	t.Logf("%d endpoints of %d services are synced after %v", total, many, took)
	if took > 5*time.Second {
		t.Errorf("took %v, want within 5 s", took)
	}
}

// TestKubeLeastRole takes from the role one verb at a time: what is necessary is missed
// by the right words, the rest is done without.
func TestKubeLeastRole(t *testing.T) {
	s := kubetest.Start(t)
	s.Apply(t, deployed(t, "clusterrolebinding.yaml")+kubetest.Namespace("shop")+kubetest.Service("shop", "cart", true))
	for _, resource := range []string{services, endpointslices, pods, namespaces} {
		for _, missing := range []string{"watch", "list watch"} {
			verb, _, _ := strings.Cut(missing, " ")
			t.Run(missing+" "+resource, func(t *testing.T) {
				s.Apply(t, roleWithout(missing, resource))
				settled(t, s, resource, "list", missing == "watch")
				settled(t, s, resource, "watch", false)
				cfg, logged := asDaemon(t, s), &log{}
				cfg.Log = slog.New(slog.NewTextHandler(logged, nil))
				e := follow(t, cfg)
				want := fmt.Sprintf(`verb "%s" on resource "%s" is missing: apply cmd/fairwayd/deploy/kubernetes/clusterrole.yaml`, verb, resource)
				switch resource {
				case pods, namespaces:
					until(t, "synced", func() bool { return e.holds("synced") && e.state(cart, "cart-0") == "ready" })
					if missing != "watch" { // one of the two is told, whichever is refused first
						_, want, _ = strings.Cut(want, `"`+verb+`" `)
					}
					want = strings.ReplaceAll(want, `"`, `\"`)
					until(t, want, func() bool { return strings.Contains(logged.String(), want) })
					if strings.Count(logged.String(), "is missing") != 1 {
						t.Errorf("told more than once: %s", logged)
					}
					if e.holds("trouble") {
						t.Errorf("heard %q", e.all())
					}
				default:
					until(t, want, func() bool { return e.holds(want) })
					if e.holds("synced") && missing != "watch" {
						t.Errorf("synced without: %q", e.all())
					}
				}
				s.Apply(t, deployed(t, "clusterrole.yaml"))
				settled(t, s, resource, "list", true)
				settled(t, s, resource, "watch", true)
			})
		}
	}
}

// TestKubeNamespacedRole: with roles of two namespaces those two are found.
func TestKubeNamespacedRole(t *testing.T) {
	s := kubetest.Start(t)
	text := ""
	for _, n := range []string{"a", "b", "c"} {
		text += kubetest.Namespace(n) + kubetest.Service(n, "cart", true)
		for _, name := range []string{"namespaced/role.yaml", "namespaced/rolebinding.yaml"} {
			if n != "c" {
				text += strings.Replace(deployed(t, name), "metadata: {name: fairwayd}", "metadata: {name: fairwayd, namespace: "+n+"}", 1)
			}
		}
	}
	s.Apply(t, text)
	cfg := asDaemon(t, s)
	cfg.Namespaces = []string{"a", "b"}
	e := follow(t, cfg)
	until(t, "synced", func() bool { return e.holds("synced") })
	if want := []string{"cart.a.svc.cluster.local", "cart.b.svc.cluster.local"}; !slices.Equal(e.names(), want) {
		t.Errorf("found %q, want %q: %q", e.names(), want, e.all())
	}
	cfg.Namespaces = []string{"a", "c"}
	e = follow(t, cfg)
	until(t, "words on c", func() bool {
		return e.holds("services in namespace c: its verb") && e.holds("apply cmd/fairwayd/deploy/kubernetes/namespaced/role.yaml there")
	})
	until(t, "a", func() bool { return e.service("cart.a.svc.cluster.local") != nil })
	all, err := cfg.Client.List(t.Context(), DefaultDomain, "a", "b")
	if err != nil || len(all) != 2 || len(all[0].Endpoints) != 1 {
		t.Errorf("List: %+v, %v", all, err)
	}
}

// TestKubeUnknownToken: whoever is not known is told so.
func TestKubeUnknownToken(t *testing.T) {
	s := kubetest.Start(t)
	client, err := Connect(s.Kubeconfig(t, "stranger"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Client = client
	e := follow(t, cfg)
	until(t, "trouble", func() bool { return e.holds("does not know who asks") })
	if _, err := client.List(t.Context(), DefaultDomain); err == nil || !strings.Contains(err.Error(), "does not know who asks") {
		t.Errorf("List: %v", err)
	}
}

func TestKubeObjects(t *testing.T) {
	s := kubetest.Start(t)
	s.Apply(t, kubetest.Namespace("shop")+kubetest.Service("shop", "cart", true)+kubetest.Service("default", "cart", true))
	client, err := Connect(s.Kubeconfig(t, kubetest.Admin))
	if err != nil {
		t.Fatal(err)
	}
	text, err := client.Objects(t.Context(), "shop", schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Kind: "Service"}, schema.GroupKind{Group: "networking.istio.io", Kind: "DestinationRule"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read("objects", text)
	if err != nil {
		t.Fatal(err)
	}
	if all := m.Services(DefaultDomain); len(all) != 1 || all[0].Name != cart || len(m.spaces) != 1 || strings.Contains(string(text), "managedFields") {
		t.Errorf("%s", text)
	}
}

func roleWithout(missing, resource string) string {
	text := "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: fairwayd}\nrules:\n"
	for _, of := range []string{services, pods, namespaces, endpointslices} {
		for _, verb := range []string{"list", "watch"} {
			if of != resource || !strings.Contains(missing, verb) {
				text += fmt.Sprintf("  - {apiGroups: [%q], resources: [%s], verbs: [%s]}\n", groupOf(of), of, verb)
			}
		}
	}
	return text
}

func groupOf(resource string) string {
	if resource == endpointslices {
		return "discovery.k8s.io"
	}
	return ""
}

// settled waits until the API server goes by a role that was just written.
func settled(t *testing.T, s *kubetest.Server, resource, verb string, want bool) {
	t.Helper()
	ask := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:fairway:fairwayd",
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: groupOf(resource), Resource: resource},
	}}
	until(t, "the role", func() bool {
		got, err := s.Admin(t).AuthorizationV1().SubjectAccessReviews().Create(t.Context(), ask, metav1.CreateOptions{})
		return err == nil && got.Status.Allowed == want
	})
}
