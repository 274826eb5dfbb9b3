package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// slice is a service of the namespace default with an EndpointSlice of these pods, as
// kubectl prints them.
func slice(service string, pods ...string) string {
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": %q, "namespace": "default"}, "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}},`, service)
	text += fmt.Sprintf(`{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "%[1]s-1", "namespace": "default", "labels": {"kubernetes.io/service-name": %[1]q}}, "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}], "endpoints": [`, service)
	for i, pod := range pods {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(`{"addresses": ["10.0.1.%d"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": %q, "namespace": "default"}}`, i+1, pod)
	}
	return text + "]}"
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInspectDiscoveredCluster compares a recording with what kubectl prints.
func TestInspectDiscoveredCluster(t *testing.T) {
	path := cluster(t)
	list := `{"apiVersion": "v1", "kind": "List", "items": [` + slice("reviews", "reviews-v1-abc", "reviews-v3-new") + "," + slice("details", "details-1") + "," + slice("rating", "ratings-v1-def") + "]}"
	out := mustCall(t, "inspect", path, "--discovered", written(t, "cluster.json", list))
	_, out, _ = strings.Cut(out, "\ndiscovery against metrics")
	inFile(t, "inspect-discovered.txt", "discovery against metrics"+out)
	// In two files of a folder it is the same.
	dir := t.TempDir()
	for name, text := range map[string]string{"a.json": slice("reviews", "reviews-v1-abc", "reviews-v3-new"), "b.json": slice("details", "details-1") + "," + slice("rating", "ratings-v1-def")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"apiVersion": "v1", "kind": "List", "items": [`+text+"]}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if folder := mustCall(t, "inspect", path, "--discovered", dir); !strings.HasSuffix(folder, out) {
		t.Errorf("the folder says\n%s", folder)
	}
}

// TestInspectDiscoveredTargets joins a scrape with targets by their addresses.
func TestInspectDiscoveredTargets(t *testing.T) {
	var text strings.Builder
	for _, metric := range []string{"rq_total", "rq_error", "rq_success", "rq_active", "healthy"} {
		for _, address := range []string{"10.0.0.1:9090", "10.0.0.9:9090"} {
			fmt.Fprintf(&text, "envoy_cluster_endpoint_%s{envoy_cluster_name=\"shop\",envoy_endpoint_address=\"%s\"} 1 %d\n", metric, address, clusterStart)
		}
	}
	om := written(t, "envoy.om", text.String()+"# EOF\n")
	targets := written(t, "targets.yaml", `# the shop
- targets: ["10.0.0.1:8080"]
  labels: {service: shop, endpoint: a}
- targets: ["10.0.0.2:8080"]
  labels: {service: shop, endpoint: b}
`)
	out := mustCall(t, "inspect", om, "--discovered", targets)
	_, out, _ = strings.Cut(out, "\ndiscovery against metrics")
	inFile(t, "inspect-discovered-targets.txt", "discovery against metrics"+out)
	// With the rules' names, and all of it.
	rules := written(t, "rules.yaml", "version: 1\nservices: [{name: shop, endpoints: [{name: first, address: \"10.0.0.1:8080\"}]}]\n")
	kept := written(t, "services-file", "fairway-cache 1 0123\n{}\n"+`{"format": "fairway-services", "version": 1, "source": "file", "services": [{"name": "shop", "source": "file", "endpoints": [
		{"name": "a", "address": "10.0.0.1:8080", "state": "ready"}, {"name": "c", "address": "10.0.0.9:9090", "state": "ready"}]}]}`)
	out = mustCall(t, "inspect", om, "--discovered", kept, "--rules", rules)
	_, out, _ = strings.Cut(out, "\ndiscovery against metrics")
	if want := "\n  shop/first: in the metrics as 10.0.0.1:9090\n  shop/c: in the metrics as 10.0.0.9:9090\n  every endpoint that is discovered is in the metrics, and the reverse\n"; out != want {
		t.Errorf("%q\nwant %q", out, want)
	}
}

// TestInspectTwins tells of one service that two places call otherwise.
func TestInspectTwins(t *testing.T) {
	dir := t.TempDir()
	for source, service := range map[string]string{"consul": "reviews", "kubernetes": "reviews.shop.svc.cluster.local"} {
		text := "fairway-cache 1 0123\n{}\n" + `{"format": "fairway-services", "version": 1, "source": "` + source + `", "services": [{"name": "` + service + `", "source": "` + source + `", "endpoints": [{"name": "` + source + `-1", "address": "10.0.0.1:8080", "state": "ready"}]}]}`
		if err := os.WriteFile(filepath.Join(dir, "services%2F"+source+".entry"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := mustCall(t, "inspect", cluster(t), "--discovered", dir)
	if want := "\n  reviews (consul) and reviews.shop.svc.cluster.local (kubernetes) have the same endpoints, "; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

// TestInspectNothingDiscovered says what could have been named, where a folder holds
// nothing of it, such as the whole state directory.
func TestInspectNothingDiscovered(t *testing.T) {
	if out := mustCall(t, "inspect", cluster(t), "--discovered", t.TempDir()); !strings.Contains(out, "nothing is discovered: ") || !strings.Contains(out, "loop-…/cache") {
		t.Errorf("got\n%s", out)
	}
}

// FuzzParseDiscovered holds that no text makes it panic, or finds services without names.
func FuzzParseDiscovered(f *testing.F) {
	f.Add("- targets: [a:1]\n  labels: {service: s}\n")
	f.Add(`{"format": "fairway-services", "services": [null, {"name": "s", "endpoints": null}]}`)
	f.Add("fairway-cache 1 x\n{}\n{}")
	f.Add(`{"apiVersion": "v1", "kind": "List", "items": [` + slice("a", "b") + "]}")
	f.Add("---\n# nothing\n")
	f.Fuzz(func(t *testing.T, text string) {
		services, manifests, err := parseDiscovered("x.yaml", []byte(text))
		if err != nil {
			return
		}
		if manifests != nil {
			services = manifests.Services(clusterDomain)
		}
		all := map[string]*discovery.Service{}
		unite(all, services)
		unite(all, services)
	})
}
