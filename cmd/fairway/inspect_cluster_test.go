package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
)

// clusterStart is when the cluster's history begins, in Unix seconds.
const clusterStart = 1767225600

// rising writes a counter that is scraped every 15 s for 10 minutes.
func rising(om *strings.Builder, series string, perSecond float64) {
	for at := 0; at <= 600; at += 15 {
		fmt.Fprintf(om, "%s %g %d\n", series, 1000+perSecond*float64(at), clusterStart+at)
	}
}

// cluster is a Prometheus in which Istio, cAdvisor and an ingress meet. Two pods
// of reviews share its requests seven to three, all the time; one pod of ratings
// is alone.
func cluster(t *testing.T) (path string) {
	t.Helper()
	var om strings.Builder
	pod := func(service, version, pod string) string {
		return fmt.Sprintf(`reporter="destination",destination_service="%s.default.svc.cluster.local",destination_version="%s",namespace="default",pod="%s"`, service, version, pod)
	}
	a, b, c := pod("reviews", "v1", "reviews-v1-abc"), pod("reviews", "v2", "reviews-v2-xyz"), pod("ratings", "v1", "ratings-v1-def")
	for i, labels := range []string{a, b, c} {
		rate := []float64{7, 3, 4}[i]
		rising(&om, "istio_requests_total{"+labels+`,response_code="200"}`, rate)
		for i, le := range []string{"100", "300", "+Inf"} {
			rising(&om, "istio_request_duration_milliseconds_bucket{"+labels+`,le="`+le+`"}`, rate*[]float64{0.5, 1, 1}[i])
		}
		rising(&om, "istio_request_duration_milliseconds_sum{"+labels+"}", 120*rate)
		rising(&om, "istio_request_duration_milliseconds_count{"+labels+"}", rate)
	}
	for _, pod := range []string{"reviews-v1-abc", "reviews-v2-xyz"} {
		rising(&om, `container_cpu_usage_seconds_total{namespace="default",pod="`+pod+`",container="app"}`, 0.2)
	}
	rising(&om, `nginx_ingress_controller_requests{namespace="default",service="productpage",ingress="shop",status="200"}`, 5)
	om.WriteString("# EOF\n")
	path = filepath.Join(t.TempDir(), "cluster.om")
	if err := os.WriteFile(path, []byte(om.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// inFile compares what inspect writes with a file in testdata.
func inFile(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if want, err := os.ReadFile(file); err != nil || string(want) != got {
		if err := os.WriteFile(file+".new", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("the text is not that of %s (%v); it was written to %s.new:\n%s", file, err, file, got)
	}
}

func TestInspectOfACluster(t *testing.T) {
	path := cluster(t)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(`
version: 1
services:
  - name: reviews.default.svc.cluster.local
    endpoints: [{name: reviews-v1-abc}, {name: reviews-v3-new}]
  - name: details
    endpoints: [{name: details-1}]
`), 0o644); err != nil {
		t.Fatal(err)
	}
	out := mustCall(t, "inspect", path, "--rules", rules)
	inFile(t, "inspect-cluster.txt", strings.ReplaceAll(out, path, "cluster.om"))
}

// TestChoiceIsTold holds that nobody is left to guess which schema was taken.
func TestChoiceIsTold(t *testing.T) {
	path := cluster(t)
	recording, err := datasets.Open(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	var stderr bytes.Buffer
	tellChoice(&stderr, recording)
	const want = "schema istio is taken; what fits too: nginx-ingress (default/productpage; no endpoints); --schema chooses\n"
	if !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("%s\nwant %s", &stderr, want)
	}
	chosen, err := datasets.Open(t.Context(), path, "istio")
	if err != nil {
		t.Fatal(err)
	}
	defer chosen.Close()
	stderr.Reset()
	if tellChoice(&stderr, chosen); stderr.Len() > 0 {
		t.Errorf("somebody chose, and is told %s", &stderr)
	}
}

// TestInspectOfOneScrape tells names and labels, and joins by address.
func TestInspectOfOneScrape(t *testing.T) {
	dir := t.TempDir()
	om, rules := filepath.Join(dir, "envoy.om"), filepath.Join(dir, "rules.yaml")
	var text strings.Builder
	for _, metric := range []string{"rq_total", "rq_error", "rq_success", "rq_active", "healthy"} {
		for _, address := range []string{"10.0.0.1:8080", "10.0.0.9:8080"} {
			fmt.Fprintf(&text, "envoy_cluster_endpoint_%s{envoy_cluster_name=\"shop\",envoy_endpoint_address=\"%s\"} 1 %d\n", metric, address, clusterStart)
		}
	}
	for path, text := range map[string]string{
		om: text.String() + "# EOF\n",
		rules: `
version: 1
services:
  - name: shop
    endpoints: [{name: a, address: "10.0.0.1:8080"}, {name: b, address: "10.0.0.2:8080"}]
`} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := mustCall(t, "inspect", om, "--rules", rules)
	inFile(t, "inspect-scrape.txt", strings.ReplaceAll(out, om, "envoy.om"))
}

// TestInspectOfWhatNamesNoEndpoints looks at what training refuses.
func TestInspectOfWhatNamesNoEndpoints(t *testing.T) {
	var om strings.Builder
	rising(&om, `traefik_service_requests_total{service="whoami@docker",code="200"}`, 5)
	rising(&om, `traefik_service_server_up{service="whoami@docker",url="http://10.0.0.1:80"}`, 0)
	path := filepath.Join(t.TempDir(), "traefik.om")
	if err := os.WriteFile(path, []byte(om.String()+"# EOF\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inFile(t, "inspect-traefik.txt", strings.ReplaceAll(mustCall(t, "inspect", path), path, "traefik.om"))
	_, _, err := call(t, "train", "--recording", path, "--out", filepath.Join(t.TempDir(), "m"))
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), "names no endpoints, so there is nothing to choose among") || !strings.Contains(err.Error(), "needed  requests counted by the servers themselves") {
		t.Errorf("train: %v; want what is needed", err)
	}
}
