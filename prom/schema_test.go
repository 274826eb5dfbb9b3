package prom

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestParseSchema(t *testing.T) {
	got, err := ParseSchema("shop.yaml", []byte(`
name: shop
help: A shop
labels: {endpoint: pod, subset: version, zone: zone, address: instance}
service: front
step: 15s
range: 1m30s
series:
  - feature: request_rate
    unit: 1/s
    help: Requests
    query: |
      sum by (pod) (
        rate(requests_total[$range]))
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &mesh.Schema{
		Name: "shop", Help: "A shop",
		Labels: mesh.Labels{Service: "fairway_service", Endpoint: "pod", Subset: "version", Zone: "zone", Address: "instance"},
		Step:   15 * time.Second, Range: 90 * time.Second,
		Series: []mesh.Series{{Name: "request_rate", Unit: "1/s", Help: "Requests",
			Query: "label_replace(sum by (pod) (\n  rate(requests_total[$range])), \"fairway_service\", \"front\", \"\", \"\")"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConstantService(t *testing.T) {
	s, err := ParseSchema("x.yaml", []byte(`
name: x
labels: {endpoint: pod}
service: my "$1" shop
step: 10s
range: 30s
series: [{name: request_rate, query: 'rate(requests_total[$range])'}]`))
	if err != nil {
		t.Fatal(err)
	}
	// A label "service" of the metrics' own is not in the way.
	w := only(t, situation(t, `requests_total{pod="a",service="cart"} 0+50x8`), s, 60)
	if w.Service != `my "$1" shop` || w.At(0, mesh.RequestRate) != 5 {
		t.Errorf("window %+v", w)
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	const good = `name: x
labels:
  service: app
  endpoint: pod
step: 10s
range: 30s
series:
  - name: request_rate
    query: rate(requests_total[$range])
  - name: up
    query: |
      up
      + up
`
	if _, err := ParseSchema("x.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string][2]string{
		"x.yaml: the schema is empty":                                       {good, ""},
		"x.yaml:1: the schema has no name":                                  {"name: x", "name: ''"},
		"x.yaml:1: field nam is not one of a schema's":                      {"name: x", "nam: x"},
		"x.yaml:3: labels.endpoint is missing":                              {"  endpoint: pod\n", ""},
		"x.yaml:3: nothing names the service":                               {"  service: app\n", ""},
		"x.yaml:2: both labels.service and service":                         {"labels:", "service: y\nlabels:"},
		"x.yaml:5: step: ":                                                  {"10s", "10 seconds"},
		"x.yaml:6: range: \"0s\" is not positive":                           {"30s", "0s"},
		"x.yaml:1: range: is missing":                                       {"range: 30s\n", ""},
		"x.yaml:8: series 1: the name \"Request Rate\"":                     {"request_rate", "Request Rate"},
		"x.yaml:10: series request_rate is given twice":                     {"name: up", "name: request_rate"},
		"x.yaml:8: series request_rate: the query is missing":               {"    query: rate(requests_total[$range])\n", ""},
		"x.yaml:9: series request_rate: not PromQL: unclosed left paren":    {"[$range])", "[$range]"},
		"x.yaml:9: series request_rate: the query gives a range vector":     {"rate(requests_total[$range])", "requests_total[$range]"},
		"x.yaml:13: series up: not PromQL: unexpected end of input":         {"+ up\n", "+\n"},
		"x.yaml:9: field querry is not one of":                              {"query: rate", "querry: rate"},
		"x.yaml:9: both name and feature":                                   {"name: request_rate", "name: a\n    feature: b"},
		"x.yaml: a second document follows the schema":                      {"      + up\n", "      + up\n---\nname: y\n"},
		"x.yaml:7: the schema has no series":                                {good[strings.Index(good, "series:"):], "series: []\n"},
		"x.yaml:1: a str does not belong here":                              {good, "nothing"},
		"x.yaml:3: mapping values are not allowed in this context":          {"service: app", "service: app: b"},
		"x.yaml:9: series request_rate: not PromQL: unknown function with ": {"rate(", "ratte("},
		"x.yaml:5: level is \"pod\"; want endpoint, workload or service":    {"step: 10s", "level: pod\nstep: 10s"},
		"x.yaml:5: rewrite 1: \"\" is no name of a label":                   {"step: 10s", "rewrite: [{from: [pod]}]\nstep: 10s"},
		"x.yaml:5: rewrite 1 needs from or match":                           {"step: 10s", "rewrite: [{label: pod}]\nstep: 10s"},
		"x.yaml:6: rewrite 1: match: error parsing regexp":                  {"step: 10s", "rewrite:\n  - {label: pod, match: '('}\nstep: 10s"},
		"x.yaml:5: the query gives a scalar":                                {"step: 10s", "pods: time()\nstep: 10s"},
		"x.yaml:5: not PromQL: ":                                            {"step: 10s", "pods: sum(\nstep: 10s"},
		"x.yaml:14: lack 1: want a name and why":                            {"      + up\n", "      + up\nlacks: [{name: x}]\n"},
		"x.yaml:14: up is among the series and among what lacks":            {"      + up\n", "      + up\nlacks: [{name: up, why: x}]\n"},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		_, err := ParseSchema("x.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error: %v\nwant:  %s", err, want)
		}
	}
}

func TestBuiltins(t *testing.T) {
	if diff := cmp.Diff([]string{"accesslog", "caddy", "consul", "envoy", "envoy-cluster", "grpc", "haproxy", "istio", "istio-workload", "lab", "linkerd", "nginx-ingress", "otel", "otel-rpc", "traefik"}, Builtins()); diff != "" {
		t.Error(diff)
	}
	for _, name := range Builtins() {
		s, ok := Builtin(name)
		if !ok || s.Name != name || s.Index(mesh.RequestRate) < 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, ok := Builtin("nothing"); ok {
		t.Error("a schema of no such name")
	}
}

// The schemas beside the data sets are kept good here, where they are parsed.
func TestSchemasOfDatasets(t *testing.T) {
	files, err := filepath.Glob("../datasets/schemas/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if _, err := LoadSchema(file); err != nil {
			t.Error(err)
		}
	}
}

func TestLoadSchema(t *testing.T) {
	if s, err := LoadSchema("lab"); err != nil || s.Name != "lab" {
		t.Error(s, err)
	}
	if _, err := LoadSchema("nothing"); err == nil || !strings.Contains(err.Error(), "grpc, haproxy, istio") {
		t.Error(err)
	}
}

func FuzzParseSchema(f *testing.F) {
	for _, file := range []string{"schemas/lab.yaml", "schemas/haproxy.yaml", "schemas/istio.yaml", "schemas/linkerd.yaml", "schemas/otel.yaml", "../datasets/schemas/nezha.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("series: [{query: 'up'}, {query: *x}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSchema("x.yaml", text)
		if (s == nil) == (err == nil) {
			t.Fatalf("schema %v, error %v", s, err)
		}
		if err == nil && (s.Labels.Endpoint == "" || s.Labels.Service == "" || len(s.Series) == 0 || s.Step <= 0 || s.Range <= 0) {
			t.Errorf("an incomplete schema: %+v", s)
		}
		if err == nil {
			for _, series := range s.Series {
				if bad := checkQuery(series.Query); bad != nil {
					t.Errorf("the query of %s is none: %v", series.Name, bad.err)
				}
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}

// What the queries select is rewritten before anything is summed, and joins see
// the labels as they are then.
func TestRewrite(t *testing.T) {
	s, err := ParseSchema("x.yaml", []byte(`
name: x
labels: {service: service, endpoint: pod}
rewrite:
  - {label: service, from: [namespace, app], separator: /}
  - {label: pod, from: [instance], match: '([^:]+):\d+', to: $1}
  - {label: pod, match: 'old-(.*)', to: new-$1}
step: 10s
range: 30s
series:
  - {name: request_rate, query: 'sum by (service, pod) (rate(requests_total[$range])) * on (pod) group_left () (up > bool 0)'}
  - {name: age_seconds, query: 'time() - max by (service, pod) (timestamp(requests_total))'}
  - {name: calm, query: 'max_over_time(sum by (service, pod) (rate(requests_total[$range]))[20s:10s])'}`))
	if err != nil {
		t.Fatal(err)
	}
	d := situation(t, `
		requests_total{namespace="n",app="a",instance="h1:80"} 0+50x8
		requests_total{namespace="n",app="a",instance="h1:81"} 0+10x8
		requests_total{namespace="n",app="a",pod="old-2"} 0+20x8
		requests_total{app="a",pod="nowhere"} 0+20x8
		up{pod="h1"} 1x8
		up{pod="old-2"} 1x8`)
	w := only(t, d, s, 60)
	if w.Service != "n/a" || len(w.Endpoints) != 2 || w.Endpoints[0].Name != "h1" || w.Endpoints[1].Name != "new-2" {
		t.Fatalf("%s: %+v", w.Service, w.Endpoints)
	}
	near(t, "rate of h1", w.At(0, mesh.RequestRate), 6)
	near(t, "rate of new-2", w.At(1, mesh.RequestRate), 2)
	near(t, "age of h1", w.At(0, mesh.Age), 10)
	near(t, "calm rate of h1", w.At(0, "calm"), 6)
}

// Two namespaces have a job and a pod of one name: two services.
func TestNamespacesAreKeptApart(t *testing.T) {
	var notation string
	for _, namespace := range []string{"prod", "staging"} {
		notation += strings.ReplaceAll(`
			grpc_server_started_total{job="cart",namespace="NS",pod="cart-0",instance="10.1.0.4:9090",grpc_service="shop.Cart"} 0+40x8`, "NS", namespace)
	}
	s, _ := Builtin("grpc")
	windows := gather(t, situation(t, notation), s, at(60))
	if len(windows) != 2 || windows[0].Service != "prod/cart" || windows[1].Service != "staging/cart" {
		t.Errorf("%+v", windows)
	}
}

// The built-in schemas ask for nothing that a Prometheus of 2023 could not
// parse (histogram_avg, for one): Debian's promtool reads their queries.
func TestBuiltinsSpeakToOldServers(t *testing.T) {
	var text strings.Builder
	text.WriteString("groups:\n- name: all\n  rules:\n")
	for _, s := range builtinSchemas() {
		for _, series := range s.Series {
			fmt.Fprintf(&text, "  - {record: x, labels: {schema: %s, series: %s}, expr: %q}\n", s.Name, series.Name, withRange(series.Query, time.Minute))
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool(t, "promtool"), "check", "rules", "--lint=none", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
