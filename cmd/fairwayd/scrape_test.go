package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// promtool runs Prometheus' own tool.
func promtool(t testing.TB, stdin string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is not installed: apt-get install prometheus")
		}
		t.Skip("promtool is not installed")
	}
	run := exec.Command(program, args...)
	run.Stdin = strings.NewReader(stdin)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// scraped is a page of a daemon that was asked in every way.
func scraped(t *testing.T) string {
	t.Helper()
	p := start(t, "--recording", recording(t), "--model", persistence(t), "--rules", write(t, "r.yaml", tinyRules), "--speed", "100")
	p.until(t, "the model's", func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
	report, err := p.client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Send(&fairwayv1.OutcomeReport{Service: "shop", Endpoint: "a", Status: 200}); err != nil {
		t.Fatal(err)
	}
	if _, err := report.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Decide(t.Context(), &fairwayv1.DecideRequest{}); err == nil {
		t.Error("a request without a service is answered")
	}
	_, page := p.get(t, "/metrics")
	return page
}

// TestScrape: the page follows Prometheus' rules for names.
func TestScrape(t *testing.T) {
	page := scraped(t)
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	promtool(t, page, "check", "metrics")
}

// elsewhere are metrics that panels and alerts ask for and that the daemon of
// scraped, which needs no more than a recording, does not show.
var elsewhere = map[string][]string{
	"up":                                           {"job", "instance"},     // Prometheus' own
	"fairway_service_error_ratio":                  {"service"},             // of a schema that tells it
	"fairway_service_latency_p99_seconds":          {"service"},             // the same
	"fairway_failure_probability":                  {"service", "endpoint"}, // of a model that forecasts
	"fairway_certificate_expiry_timestamp_seconds": {"role"},                // of one with certificates
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	words    = regexp.MustCompile(`\b(?:fairway|go|process)_[a-z0-9_]+|\bup\b`)
	grouping = regexp.MustCompile(`(?:by|on) \(([a-z_, ]*)\)`)
	matcher  = regexp.MustCompile(`[{,]([a-z_]+)(?:=|!)`)
)

// answerable holds queries, each with what it is for, to Prometheus' parser and
// to a real scrape: metrics that it has, with the labels that are asked for.
func answerable(t *testing.T, asked map[string]string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scraped(t)))
	if err != nil {
		t.Fatal(err)
	}
	labels := maps.Clone(elsewhere)
	for name, f := range families {
		var known []string
		for _, m := range f.Metric {
			for _, l := range m.Label {
				known = append(known, l.GetName())
			}
		}
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			labels[name+suffix] = append(known, "le")
		}
	}
	rules := &bytes.Buffer{}
	fmt.Fprintln(rules, "groups: [{name: all, rules: [")
	for i, query := range slices.Sorted(maps.Keys(asked)) {
		fmt.Fprintf(rules, "{record: 'q%d', expr: %q},\n", i, strings.ReplaceAll(query, "$__rate_interval", "1m"))
		bare := quoted.ReplaceAllString(query, `""`)
		known := []string{"job", "instance"}
		for _, name := range words.FindAllString(bare, -1) {
			if labels[name] == nil {
				t.Errorf("%s asks for %s, which no scrape has", asked[query], name)
			}
			known = append(known, labels[name]...)
		}
		for _, part := range append(grouping.FindAllStringSubmatch(bare, -1), matcher.FindAllStringSubmatch(bare, -1)...) {
			for _, label := range strings.Split(part[1], ",") {
				if label = strings.TrimSpace(label); label != "" && !slices.Contains(known, label) {
					t.Errorf("%s asks for the label %s, which nothing in %s has", asked[query], label, query)
				}
			}
		}
	}
	fmt.Fprintln(rules, "]}]")
	promtool(t, "", "check", "rules", write(t, "all.yaml", rules.String()))
}

// alertFile is what is read of a file of rules.
type alertFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// TestAlerts: Prometheus takes the rules, its unit tests pass, every alert
// fires in one of them, and says what to do; what alerts on fairwayd ask for is
// there.
func TestAlerts(t *testing.T) {
	asked := map[string]string{}
	for _, name := range []string{"fairway", "mesh"} {
		path, tests := "deploy/prometheus/"+name+".rules.yaml", "deploy/prometheus/"+name+"_test.yaml"
		promtool(t, "", "check", "rules", path)
		promtool(t, "", "test", "rules", tests)
		fires, err := os.ReadFile(tests)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file alertFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, group := range file.Groups {
			for _, rule := range group.Rules {
				if !bytes.Contains(fires, []byte(`alertname="`+rule.Alert+`"`)) {
					t.Errorf("%s fires in no test", rule.Alert)
				}
				for _, what := range []string{"summary", "description", "runbook"} {
					if len(rule.Annotations[what]) < 20 {
						t.Errorf("%s has no %s", rule.Alert, what)
					}
				}
				if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
					t.Errorf("%s is of severity %q", rule.Alert, s)
				}
				if strings.Contains(rule.Expr, "fairway_") {
					asked[rule.Expr] = rule.Alert
				}
			}
		}
	}
	answerable(t, asked)
}

// TestDocumented: docs/operating.md names every metric of a scrape.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (fairway_\w+) `).FindAllStringSubmatch(scraped(t), -1) {
		if !bytes.Contains(text, []byte("`"+line[1]+"`")) {
			t.Errorf("docs/operating.md does not tell what %s is", line[1])
		}
	}
}
