package prom

import (
	"os"
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
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		_, err := ParseSchema("x.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error: %v\nwant:  %s", err, want)
		}
	}
}

func TestBuiltins(t *testing.T) {
	if diff := cmp.Diff([]string{"caddy", "consul", "envoy", "envoy-cluster", "grpc", "haproxy", "istio", "istio-workload", "lab", "linkerd", "nginx-ingress", "otel", "otel-rpc", "traefik"}, Builtins()); diff != "" {
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
	for _, file := range []string{"schemas/lab.yaml", "schemas/haproxy.yaml", "../datasets/schemas/nezha.yaml"} {
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
		if err != nil && !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}
