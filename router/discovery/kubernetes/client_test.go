package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
)

func TestDomain(t *testing.T) {
	for text, want := range map[string]string{
		"": DefaultDomain,
		"nameserver 10.96.0.10\nsearch shop.svc.k8s.example svc.k8s.example k8s.example\n": "k8s.example",
		"search svc.cluster.LOCAL.\n":                "cluster.local",
		"search example.com\noptions ndots:5\n":      DefaultDomain,
		"search svc.\n":                              DefaultDomain,
		"domain svc.a.example\nsearch\nsearch svc.b": "b",
	} {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Domain(path); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Domain(filepath.Join(t.TempDir(), "none")); got != DefaultDomain {
		t.Errorf("no file: %q", got)
	}
}

func TestConnect(t *testing.T) {
	for _, unset := range []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"} {
		t.Setenv(unset, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if InCluster() {
		t.Error("in a cluster, without its address")
	}
	if _, err := Connect(""); err == nil || !strings.Contains(err.Error(), "no cluster is known: run in a pod") {
		t.Errorf("nothing given: %v", err)
	}
	if _, err := Connect("/nowhere/config"); err == nil || !strings.Contains(err.Error(), "/nowhere/config") {
		t.Errorf("no such file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
		clusters: [{name: a, cluster: {server: "https://127.0.0.1:6443"}}], users: [{name: a, user: {token: secret}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{path, ""} {
		t.Setenv("KUBECONFIG", path)
		c, err := Connect(given)
		if err != nil || c.Host != "https://127.0.0.1:6443" {
			t.Errorf("%q: %+v, %v", given, c, err)
		}
	}
}

func TestList(t *testing.T) {
	f := newFakes(t, []runtime.Object{partial("Pod", "shop", "cart-0", map[string]string{"version": "v2"}, nil),
		partial("Namespace", "", "out", nil, map[string]string{DiscoverAnnotation: "false"})},
		service("shop", "cart"), sliceOf("shop", "cart", 1), service("out", "cart"), service("b", "cart"))
	c := f.config().Client
	for _, round := range []struct{ of, want []string }{
		{nil, []string{"cart.b.svc.example", "cart.shop.svc.example"}},
		{[]string{"shop", "out"}, []string{"cart.shop.svc.example"}},
	} {
		all, err := c.List(t.Context(), "example", round.of...)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		if last := all[len(all)-1]; !slices.Equal(names, round.want) || last.Endpoints[0].Subset != "v2" {
			t.Errorf("found %q, want %q; %+v", names, round.want, last)
		}
	}
	refuse(&f.meta.Fake, "list", pods, forbidden(pods))
	if all, err := c.List(t.Context(), "example"); err != nil || len(all) != 2 || all[1].Endpoints[0].Subset != "" {
		t.Errorf("without pods: %v, %v", all, err)
	}
	refuse(&f.meta.Fake, "list", namespaces, unreachable)
	if _, err := c.List(t.Context(), "example"); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("unreachable: %v", err)
	}
	refuse(&f.typed.Fake, "list", endpointslices, forbidden(endpointslices))
	if _, err := c.List(t.Context(), "example", "shop"); err == nil || !strings.Contains(err.Error(), `verb "list" on resource "endpointslices" is missing: apply cmd/fairwayd/deploy/kubernetes/namespaced/role.yaml there`) {
		t.Errorf("forbidden: %v", err)
	}
}

func TestObjects(t *testing.T) {
	f := newFakes(t, nil)
	f.typed.Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "services", Kind: "Service", Namespaced: true}, {Name: "namespaces", Kind: "Namespace"}, {Name: "nodes", Kind: "Node"}}},
		{GroupVersion: "networking.istio.io/v1beta1", APIResources: []metav1.APIResource{{Name: "destinationrules", Kind: "DestinationRule", Namespaced: true}}},
	}
	object := func(version, kind, namespace, name string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind}}
		o.SetNamespace(namespace)
		o.SetName(name)
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
		return o
	}
	rules := schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1beta1", Resource: "destinationrules"}
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		resourceOf(services): "ServiceList", resourceOf(namespaces): "NamespaceList", rules: "DestinationRuleList",
	}, object("v1", "Service", "shop", "cart"), object("v1", "Service", "other", "cart"), object("v1", "Namespace", "", "shop"), object("networking.istio.io/v1beta1", "DestinationRule", "shop", "cart"))
	c := &Client{Host: "https://fake", typed: clientset{f.typed}, dynamic: dynamic}
	kinds := []schema.GroupKind{{Kind: "Namespace"}, {Kind: "Service"}, {Group: "networking.istio.io", Kind: "DestinationRule"}, {Group: "monitoring.coreos.com", Kind: "PrometheusRule"}}
	text, err := c.Objects(t.Context(), "shop", kinds...)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Kind  string
		Items []metav1.PartialObjectMetadata
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list.Items {
		got = append(got, o.APIVersion+" "+o.Kind+" "+o.Namespace+"/"+o.Name)
	}
	if want := []string{"v1 Namespace /shop", "v1 Service shop/cart", "networking.istio.io/v1beta1 DestinationRule shop/cart"}; list.Kind != "List" || !slices.Equal(got, want) {
		t.Errorf("%s of %q, want %q", list.Kind, got, want)
	}
	if strings.Contains(string(text), "managedFields") {
		t.Errorf("managed fields: %s", text)
	}
	if text, err := c.Objects(t.Context(), "shop"); err != nil || !strings.Contains(string(text), `"items":[]`) {
		t.Errorf("no kinds: %s, %v", text, err)
	}
	for want, ask := range map[string]func() error{
		"of no namespace": func() error { _, err := c.Objects(t.Context(), ""); return err },
		"Node: objects of this kind belong to no namespace":                                func() error { _, err := c.Objects(t.Context(), "shop", schema.GroupKind{Kind: "Node"}); return err },
		`kubernetes: there is no namespace "x" in the cluster at ` + c.Host + "; name one": func() error { _, err := c.Objects(t.Context(), "x", kinds[0]); return err },
		`verb "list" on resource "destinationrules" is missing`: func() error {
			refuse(&dynamic.Fake, "list", "destinationrules", forbidden("destinationrules"))
			_, err := c.Objects(t.Context(), "shop", kinds...)
			return err
		},
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
