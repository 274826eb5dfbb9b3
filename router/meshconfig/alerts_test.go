package meshconfig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// ruleFile is the file that Prometheus reads of a PrometheusRule: the operator writes
// its groups there.
func ruleFile(t *testing.T, dir string, m *Manifest) string {
	t.Helper()
	var object struct{ Spec any }
	if err := yaml.Unmarshal(m.Text, &object); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, m.Name+".yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRulesChecked has Prometheus' own tool read the alerts of every case.
func TestRulesChecked(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, c := range cases {
		checked := 0
		for _, m := range made(t, config(c.change), stored(t)...) {
			if m.Kind != "PrometheusRule" {
				continue
			}
			checked++
			out, err := exec.Command(promtool, "check", "rules", "--lint=all", "--lint-fatal", ruleFile(t, t.TempDir(), m)).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "SUCCESS: 2 rules found") {
				t.Errorf("%s: %s: %v\n%s", c.name, m, err, out)
			}
		}
		if checked != 2 {
			t.Errorf("%s: %d PrometheusRules of 2 services", c.name, checked)
		}
	}
}

// TestRulesInOneFile puts the alerts of services that share a name, or a namespace, into
// one file: Prometheus' tool takes none for another's duplicate, and each says of which
// service it is.
func TestRulesInOneFile(t *testing.T) {
	promtool := tool(t, "promtool")
	dir := t.TempDir()
	var groups []any
	for _, namespace := range []string{"shop", "books"} {
		in := func(c *Config) { c.Namespace = namespace }
		for _, m := range made(t, config(in), Service{Name: "reviews"}, Service{Name: "ratings"}) {
			if m.Kind != "PrometheusRule" {
				continue
			}
			var object struct{ Spec struct{ Groups []any } }
			if err := yaml.Unmarshal(m.Text, &object); err != nil {
				t.Fatal(err)
			}
			groups = append(groups, object.Spec.Groups...)
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": groups})
	if err != nil {
		t.Fatal(err)
	}
	test := "rule_files: [all.yaml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n" +
		requests(`response_code="503"`, 9) + strings.ReplaceAll(requests(`response_code="503"`, 9), "reviews.shop", "ratings.books") +
		"  alert_rule_test:\n  - eval_time: 5m\n    alertname: ServiceErrorRatio\n    exp_alerts:"
	for _, c := range []struct{ service, namespace string }{{"reviews", "shop"}, {"ratings", "books"}} {
		host := c.service + "." + c.namespace + ".svc.cluster.local"
		test += fmt.Sprintf("\n    - exp_labels: {severity: critical, namespace: %s, service: %s, destination_service: %s}\n"+
			"      exp_annotations: {description: More than 5 %% of the requests have failed for a minute., summary: %s fails 100%% of its requests}", c.namespace, c.service, host, host)
	}
	for name, text := range map[string]string{"all.yaml": string(text), "test.yaml": test + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(promtool, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "all.yaml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SUCCESS: 8 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := exec.Command(promtool, "test", "rules", filepath.Join(dir, "test.yaml")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, test)
	}
}

// request is a series of requests, so many in 15 s.
func requests(labels string, rate int) string {
	return fmt.Sprintf("  - {series: 'istio_requests_total{reporter=\"source\",destination_service=\"reviews.shop.svc.cluster.local\",%s}', values: '0+%dx40'}\n", labels, rate)
}

// durations are requests of which so many of 1000 took 1000 ms or less, and the others
// up to 2500.
func durations(reporter string, within int) string {
	var b strings.Builder
	for _, bucket := range []struct {
		le   string
		rate int
	}{{"500", within / 2}, {"1000", within}, {"2500", 1000}, {"+Inf", 1000}} {
		fmt.Fprintf(&b, "  - {series: 'istio_request_duration_milliseconds_bucket{reporter=%q,destination_service=\"reviews.shop.svc.cluster.local\",le=%q}', values: '0+%dx40'}\n", reporter, bucket.le, bucket.rate)
	}
	return b.String()
}

// TestAlertsFire has each alert fire beyond its threshold, and not at it; not before a
// minute, and not without requests. promtool's clock is that of the rules.
func TestAlertsFire(t *testing.T) {
	promtool := tool(t, "promtool")
	dir := t.TempDir()
	var file string
	for _, m := range made(t, config(nil), Service{Name: "reviews"}) {
		if m.Kind == "PrometheusRule" {
			file = ruleFile(t, dir, m)
		}
	}
	const failing, slowly = "ServiceErrorRatio", "ServiceLatencyP99"
	firing := func(severity, description, summary string) string {
		return fmt.Sprintf("\n    - exp_labels: {severity: %s, namespace: shop, service: reviews, destination_service: reviews.shop.svc.cluster.local}\n"+
			"      exp_annotations: {description: %q, summary: %q}", severity, description, summary)
	}
	fails := func(ratio string) string {
		return firing("critical", "More than 5 % of the requests have failed for a minute.", "reviews.shop.svc.cluster.local fails "+ratio+" of its requests")
	}
	slow := func(ms string) string {
		return firing("warning", "More than 1 % of the requests have taken over a second for a minute.", "reviews.shop.svc.cluster.local takes "+ms+" ms for the slowest 1 % of its requests")
	}
	for _, c := range []struct {
		name, series, at, alert, want string
	}{
		{"at the threshold", requests(`response_code="200"`, 95) + requests(`response_code="503"`, 5), "5m", failing, " []"},
		{"above it", requests(`response_code="200"`, 94) + requests(`response_code="503"`, 6), "5m", failing, fails("6%")},
		{"above it by two codes", requests(`response_code="200"`, 94) + requests(`response_code="500"`, 3) + requests(`response_code="504"`, 3), "5m", failing, fails("6%")},
		{"not for a minute yet", requests(`response_code="503"`, 6), "1m", failing, " []"},
		{"for a minute", requests(`response_code="503"`, 6), "1m30s", failing, fails("100%")},
		{"4xx", requests(`response_code="200"`, 50) + requests(`response_code="404"`, 50), "5m", failing, " []"},
		{"gRPC's unavailable", requests(`response_code="200",grpc_response_status="0"`, 90) + requests(`response_code="200",grpc_response_status="14"`, 10), "5m", failing, fails("10%")},
		{"both at once, counted once", requests(`response_code="200",grpc_response_status="0"`, 90) + requests(`response_code="503",grpc_response_status="14"`, 10), "5m", failing, fails("10%")},
		{"gRPC's not found", requests(`response_code="200",grpc_response_status="5"`, 100), "5m", failing, " []"},
		{"no requests", requests(`response_code="503"`, 0), "5m", failing, " []"},
		{"another service", strings.ReplaceAll(requests(`response_code="503"`, 9), "reviews.", "ratings."), "5m", failing, " []"},
		{"as endpoints report", strings.ReplaceAll(requests(`response_code="503"`, 9), "source", "destination"), "5m", failing, " []"},
		{"as waypoints report", strings.ReplaceAll(requests(`response_code="503"`, 9), "source", "waypoint"), "5m", failing, fails("100%")},
		// At 990 it is a matter of the last bit of a number.
		{"p99 just below the threshold", durations("source", 991), "5m", slowly, " []"},
		{"p99 just above it", durations("source", 989), "5m", slowly, slow("1136")},
		{"p99 at a waypoint", durations("waypoint", 980), "5m", slowly, slow("1750")},
		{"p99 as endpoints report", durations("destination", 980), "5m", slowly, " []"},
		{"p99 not for a minute yet", durations("source", 980), "1m", slowly, " []"},
		{"p99 for a minute", durations("source", 980), "1m30s", slowly, slow("1750")},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := fmt.Sprintf("rule_files: [%s]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n%s  alert_rule_test:\n  - eval_time: %s\n    alertname: %s\n    exp_alerts:%s\n",
				file, c.series, c.at, c.alert, c.want)
			path := filepath.Join(t.TempDir(), "test.yaml")
			if err := os.WriteFile(path, []byte(test), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(promtool, "test", "rules", path).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\n%s", err, out, test)
			}
		})
	}
}
