package meshconfig

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// compared compares what the configuration makes of a service reviews with objects.
func compared(t *testing.T, cfg Config, have []manifest.Object) (*Comparison, string) {
	t.Helper()
	c, err := Compare(cfg, made(t, cfg, Service{Name: "reviews"}), have, "there")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	return c, out.String()
}

// printed are the objects of what the configuration makes, changed.
func printed(t *testing.T, cfg Config, was, is string) []manifest.Object {
	t.Helper()
	text := string(Text(made(t, cfg, Service{Name: "reviews"})))
	if was != "" && !strings.Contains(text, was) {
		t.Fatalf("%q is not printed", was)
	}
	return objects(t, strings.ReplaceAll(text, was, is))
}

// TestSameMeaning has what means the same compare as the same.
func TestSameMeaning(t *testing.T) {
	for _, c := range []struct{ name, was, is string }{
		{"as it was printed", "", ""},
		{"a duration in minutes", "interval: 30s", "interval: 0.5m"},
		{"Prometheus' duration in seconds", "for: 1m", "for: 60s"},
		{"a default that is written down", "mode: ISTIO_MUTUAL", "mode: ISTIO_MUTUAL\n      subjectAltNames: []"},
		{"a default of an enum", "value: request.method", "{operation: UPSERT, value: request.method}"},
		{"another version of the kind", "networking.istio.io/v1", "networking.istio.io/v1alpha3"},
		{"what a server keeps", "\n  namespace: shop", "\n  namespace: shop\n  uid: 1c\n  resourceVersion: '7'\n  generation: 2\n  creationTimestamp: '2026-01-02T15:04:05Z'\n  managedFields: [{manager: kubectl}]"},
		{"labels and annotations of others", "  labels:\n    app", "  annotations: {a: b}\n  labels:\n    team: x\n    app"},
		{"no namespace", "\n  namespace: shop\n", "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(advanced)
			if c.name == "a default of an enum" {
				c.was = "\n          value: request.method"
				c.is = " {operation: UPSERT, value: request.method}"
			}
			got, out := compared(t, cfg, printed(t, cfg, c.was, c.is))
			if len(got.Same) != 4 || got.Differs() || out != "" {
				t.Errorf("%s\n%s", got.Summary(), out)
			}
		})
	}
}

// TestOtherOrder compares with objects whose fields stand in another order, as JSON.
func TestOtherOrder(t *testing.T) {
	cfg := config(nil)
	got, out := compared(t, cfg, objects(t, `{"kind":"List","apiVersion":"v1","items":[
		{"spec":{"mtls":{"mode":"STRICT"}},"status":{},"metadata":{"namespace":"shop","name":"default","labels":{"app.kubernetes.io/managed-by":"fairway"}},"kind":"PeerAuthentication","apiVersion":"security.istio.io/v1"},
		{"kind":"DestinationRule","metadata":{"name":"fairway-reviews","namespace":"shop","labels":{"app.kubernetes.io/managed-by":"fairway"}},"apiVersion":"networking.istio.io/v1",
		 "spec":{"trafficPolicy":{"tls":{"mode":"ISTIO_MUTUAL"},"loadBalancer":{"simple":"LEAST_REQUEST"},"connectionPool":{"tcp":{"maxConnections":100},"http":{"http1MaxPendingRequests":100}}},"host":"reviews.shop.svc.cluster.local"}}]}`))
	if got.Summary() != "2 new, 0 changed, 2 same, 0 of fairway's no longer printed (would stay), 0 in conflict, 0 not fairway's" {
		t.Errorf("%s\n%s", got.Summary(), out)
	}
}

func TestChanged(t *testing.T) {
	cfg := config(nil)
	got, out := compared(t, cfg, printed(t, cfg, "maxConnections: 100", "maxConnections: 99\n        connectTimeout: 1s"))
	want := `--- DestinationRule shop/fairway-reviews in there
+++ DestinationRule shop/fairway-reviews
@@ -11,8 +11,7 @@
       http:
         http1MaxPendingRequests: 100
       tcp:
-        connectTimeout: 1s
-        maxConnections: 99
+        maxConnections: 100
     loadBalancer:
       simple: LEAST_REQUEST
     tls:
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Changed) != 1 || len(got.Same) != 3 || !got.Differs() {
		t.Error(got.Summary())
	}
}

// TestForeignField compares with an object that has a field of a newer Istio.
func TestForeignField(t *testing.T) {
	cfg := config(nil)
	got, out := compared(t, cfg, printed(t, cfg, "    mode: STRICT", "    mode: STRICT\n    quantum: true"))
	if len(got.Changed) != 1 || !strings.Contains(out, "-    quantum: true\n") || strings.Contains(out, "+    mode") {
		t.Errorf("%s\n%s", got.Summary(), out)
	}
	got, out = compared(t, cfg, printed(t, cfg, "app.kubernetes.io/managed-by: fairway", "app.kubernetes.io/managed-by: helm"))
	if len(got.Changed) != 4 || strings.Count(out, "+    app.kubernetes.io/managed-by: fairway") != 4 {
		t.Errorf("of Helm: %s\n%s", got.Summary(), out)
	}
}

func TestNew(t *testing.T) {
	got, out := compared(t, config(nil), nil)
	if len(got.New) != 4 || !got.Differs() || !strings.HasPrefix(out, "--- /dev/null\n+++ PeerAuthentication shop/default\n@@ -0,0 +1,9 @@\n+kind: PeerAuthentication\n") {
		t.Errorf("%s\n%s", got.Summary(), out)
	}
}

// TestConflicts has those told of that do the same job under another name, and others
// counted.
func TestConflicts(t *testing.T) {
	meshWide := func(c *Config) { c.MeshWide = true }
	for _, c := range []struct {
		name, yaml string
		change     func(*Config)
		want       string // of what is told; empty: it is somebody else's, and fine
	}{
		{"authentication of the namespace", "security.istio.io/v1beta1, kind: PeerAuthentication, metadata: {name: all, namespace: shop}, spec: {mtls: {mode: PERMISSIVE}}", nil,
			"conflict: PeerAuthentication shop/all is of all workloads of the namespace too (mode PERMISSIVE)"},
		{"authentication of a workload", "security.istio.io/v1, kind: PeerAuthentication, metadata: {name: one, namespace: shop}, spec: {selector: {matchLabels: {app: a}}}", nil, ""},
		{"authentication of the mesh", "security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: istio-system}, spec: {}", nil, ""},
		{"weaker than the mesh", "security.istio.io/v1, kind: PeerAuthentication, metadata: {name: all, namespace: shop}, spec: {mtls: {mode: DISABLE}}", meshWide, "in place of that of the mesh"},
		{"as strict as the mesh", "security.istio.io/v1, kind: PeerAuthentication, metadata: {name: all, namespace: shop}, spec: {mtls: {mode: STRICT}}", meshWide, ""},
		{"beside the mesh's", "security.istio.io/v1, kind: PeerAuthentication, metadata: {name: all, namespace: istio-system}, spec: {mtls: {mode: STRICT}}", meshWide, "the older one"},
		{"the host's short name", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: reviews, namespace: shop}, spec: {host: reviews, subsets: [{name: v1}]}", nil,
			"conflict: DestinationRule shop/reviews is of the same host as DestinationRule shop/fairway-reviews: "},
		{"the host with its namespace", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {host: Reviews.shop}", nil, "the same host"},
		{"the host up to svc", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {host: reviews.shop.svc}", nil, "the same host"},
		{"the host in another namespace", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: web}, spec: {host: reviews.shop.svc.cluster.local}", nil, "in another namespace"},
		{"the short name in another namespace", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: web}, spec: {host: reviews}", nil, ""},
		{"many hosts", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: all, namespace: shop}, spec: {host: '*.shop.svc.cluster.local'}", nil, "holds no longer for reviews.shop.svc.cluster.local"},
		{"all hosts", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: all, namespace: shop}, spec: {host: '*'}", nil, "holds no longer"},
		{"many others", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: all, namespace: shop}, spec: {host: '*.example.com'}", nil, ""},
		{"another host", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {host: ratings}", nil, ""},
		{"no host", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {}", nil, ""},
		{"telemetry of the namespace", "telemetry.istio.io/v1alpha1, kind: Telemetry, metadata: {name: t, namespace: shop}, spec: {}", nil, "Telemetry shop/t is of all workloads"},
		{"telemetry of a workload", "telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: shop}, spec: {selector: {matchLabels: {app: a}}}", nil, ""},
		{"telemetry of a waypoint", "telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: shop}, spec: {targetRefs: [{kind: Service, name: a}]}", nil, ""},
		{"telemetry of the mesh", "telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: istio-system}, spec: {}", nil, ""},
		{"other rules", "monitoring.coreos.com/v1, kind: PrometheusRule, metadata: {name: r, namespace: shop}, spec: {groups: []}", nil, ""},
		{"fairway's, of a service that is gone", "networking.istio.io/v1, kind: DestinationRule, metadata: {name: fairway-old, namespace: shop, labels: {app.kubernetes.io/managed-by: fairway}}, spec: {host: old}", nil,
			"stays: DestinationRule shop/fairway-old is fairway's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(c.change)
			have := append(printed(t, cfg, "", ""), objects(t, "{apiVersion: "+c.yaml+"}")...)
			got, out := compared(t, cfg, have)
			if got.Differs() != (c.want != "") || !strings.Contains(out, c.want) || (out == "") != (c.want == "") {
				t.Errorf("%s\n%s", got.Summary(), out)
			}
			if len(got.Same) != 4 || len(got.Conflicts)+len(got.Stay)+got.Others != 1 {
				t.Errorf("%s", got.Summary())
			}
		})
	}
}

func TestTwice(t *testing.T) {
	cfg := config(nil)
	got, out := compared(t, cfg, append(printed(t, cfg, "", ""), objects(t, "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: shop}}")...))
	if len(got.Same) != 4 || len(got.Conflicts) != 1 || !strings.Contains(out, "stands twice") {
		t.Errorf("%s\n%s", got.Summary(), out)
	}
}

// FuzzCompare reads whatever stands in files: nothing panics, what is ours is found the
// same whatever stands beside it, and a diff says so exactly where there is one.
func FuzzCompare(f *testing.F) {
	for _, seed := range []string{
		"", "{apiVersion: v1, kind: List}", "a: b",
		"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: fairway-reviews}, spec: {host: [1]}}",
		"{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: x, namespace: shop}, spec: {host: '*'}}",
		"{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: default}, spec: {metrics: [{reportingInterval: 1h}]}}",
		"{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, metadata: {name: fairway-reviews}, spec: {groups: [{name: a, interval: x, rules: [{expr: 1}]}]}}",
		"{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, labels: {app.kubernetes.io/managed-by: fairway}}, spec: null}",
		"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 1}], selector: {a: b}, clusterIP: None}}",
	} {
		f.Add(seed)
	}
	cfg := config(advanced)
	want, err := Manifests(cfg, []Service{{Name: "reviews"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		have, err := manifest.Read("f.yaml", []byte(text))
		if err != nil {
			return
		}
		services, _ := Services("shop", have)
		if _, err := Manifests(cfg, services); err != nil {
			t.Fatalf("what was taken in is not printed: %v", err)
		}
		c, err := Compare(cfg, want, have, "f.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if len(c.New)+len(c.Changed)+len(c.Same) != len(want) || len(c.diffs) != len(c.New)+len(c.Changed) {
			t.Errorf("%s, with %d diffs", c.Summary(), len(c.diffs))
		}
	})
}
