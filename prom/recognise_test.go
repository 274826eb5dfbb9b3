package prom

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

// golden compares text with a file, and writes what it should be beside it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err == nil && string(want) == got {
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".new", []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("the text is not that of %s (%v); it was written to %s.new:\n%s", file, err, file, cmp.Diff(string(want), got))
}

func recognition(t testing.TB, d *Dump) *Recognition {
	t.Helper()
	start, end := d.Span()
	r, err := Recognise(t.Context(), d, start, end, builtinSchemas()...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fitting names the schemas that fit any service.
func (r *Recognition) fitting() []string {
	var names []string
	for _, f := range r.Fits {
		if len(f.Names()) > 0 {
			names = append(names, f.Schema.Name)
		}
	}
	return names
}

// Each technology is recognised as itself and nothing else, from its history
// and from one scrape of it.
func TestEachTechnologyIsRecognisedAsItself(t *testing.T) {
	for i, c := range technologies {
		for _, notation := range []string{c.notation, scrape(t, c.notation)} {
			d := histories(t, notation)
			r := recognition(t, d)
			want := []string{c.schema}
			if strings.Contains(c.notation, `reporter="source",destination_service="reviews`) {
				want = append(want, "istio-workload") // the callers' side is there too
			}
			if diff := cmp.Diff(want, r.fitting()); diff != "" {
				t.Errorf("%d %s:\n%s", i, c.schema, diff)
			}
			got, err := detect(t, d)
			if err != nil || got.Name != c.schema {
				t.Errorf("%d: %v, %v; want %s", i, got, err, c.schema)
				continue
			}
			var endpoints []string
			for _, f := range r.Fits {
				if f.Schema.Name == c.schema {
					endpoints = f.Services[c.service].Endpoints
				}
			}
			for endpoint := range c.want {
				if !slices.Contains(endpoints, endpoint) {
					t.Errorf("%d %s: endpoints %v; want %s among them", i, c.schema, endpoints, endpoint)
				}
			}
		}
	}
}

// scrape is the notation with one sample of each series.
func scrape(t testing.TB, notation string) string {
	var lines []string
	for _, line := range strings.Split(notation, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		l, values := describeSeries(t, line)
		value := fmt.Sprint(values[0].Value)
		if h := values[0].Histogram; h != nil {
			value = h.TestExpression()
		}
		lines = append(lines, l.String()+" "+value)
	}
	return strings.Join(lines, "\n")
}

// What names no endpoints is recognised and refused, with what is needed.
func TestRefusals(t *testing.T) {
	var text strings.Builder
	tell := func(title string, d *Dump) {
		t.Helper()
		s, err := detect(t, d)
		if err == nil {
			t.Fatalf("%s: schema %s; want a refusal", title, s.Name)
		}
		fmt.Fprintf(&text, "== %s\n%s\n\n", title, err)
	}
	for _, c := range coarse {
		d := histories(t, c.notation)
		if diff := cmp.Diff([]string{c.schema}, recognition(t, d).fitting()); diff != "" {
			t.Errorf("%s:\n%s", c.schema, diff)
		}
		tell(c.schema+" alone", d)
	}
	tell("nothing known", situation(t, `temperature_celsius{room="kitchen"} 20x8`))
	tell("haproxy without its servers", situation(t, `
		haproxy_frontend_http_requests_total{proxy="fe"} 0+1x8
		haproxy_server_status{proxy="be",server="b1",state="UP"} 1x8
		haproxy_server_current_sessions{proxy="be",server="b1"} 1x8`))
	tell("istio without the label pod", histories(t, strings.NewReplacer("pod=", "podd=", `reporter="source"`, `reporter="nobody"`).Replace(technologies[0].notation)))
	tell("ambient without a waypoint", situation(t, `
		istio_tcp_connections_opened_total{reporter="source",destination_service="pay",destination_workload="pay-v2"} 100+5x8`))
	golden(t, "testdata/refusals.txt", text.String())
}

// Two schemas that tell as much of one service: somebody must choose.
func TestAmbiguity(t *testing.T) {
	job := `job="cart",instance="10.1.0.4:9090"`
	one := classic("http_server_request_duration_seconds", job+`,http_request_method="GET",http_response_status_code="200"`, 1)
	other := classic("rpc_server_duration_milliseconds", job+`,rpc_service="shop.Cart",rpc_grpc_status_code="0"`, 1000)
	_, err := detect(t, situation(t, one+other))
	const want = "two schemas fit equally well, otel and otel-rpc (service cart): choose with --schema otel or --schema otel-rpc"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	elsewhere := strings.ReplaceAll(other, `job="cart"`, `job="pay"`)
	if _, err := detect(t, situation(t, one+elsewhere)); err == nil || !strings.Contains(err.Error(), "services cart and pay") {
		t.Errorf("%v; want that both tell as much", err)
	}
	more := strings.ReplaceAll(elsewhere, "4:9090", "5:9090")
	if s, err := detect(t, situation(t, one+elsewhere+more)); err != nil || s.Name != "otel-rpc" {
		t.Errorf("%v, %v; want the schema of more endpoints", s, err)
	}
}

// A cluster in which Istio, cAdvisor and an ingress fill one Prometheus.
func TestSeveralTechnologiesAtOnce(t *testing.T) {
	var notation string
	for _, c := range append([]technology{technologies[0]}, coarse...) {
		notation += c.notation + "\n"
	}
	d := histories(t, notation)
	s, err := detect(t, d)
	if err != nil || s.Name != "istio" {
		t.Fatalf("%v, %v", s, err)
	}
	got := map[string][]string{}
	for _, f := range recognition(t, d).Fits {
		if names := f.Names(); len(names) > 0 {
			got[f.Schema.Name] = names
		}
	}
	want := map[string][]string{
		"istio":          {"reviews.default.svc.cluster.local"},
		"istio-workload": {"reviews.default.svc.cluster.local"},
		"traefik":        {"whoami@docker"},
		"nginx-ingress":  {"shop/cart"},
		"caddy":          {"srv0"},
		"envoy-cluster":  {"backend", "outbound|9080||reviews"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecogniseCountsWhatIsKnown(t *testing.T) {
	r := recognition(t, histories(t, technologies[0].notation))
	for _, f := range r.Fits {
		if f.Schema.Name != "istio" {
			continue
		}
		got := f.Services["reviews.default.svc.cluster.local"]
		want := &FittedService{
			Endpoints: []string{"reviews-v1-abc", "reviews-v2-xyz"},
			Series: map[string]int{mesh.RequestRate: 2, mesh.ErrorRatio: 2, mesh.LatencyMean: 1, mesh.LatencyP50: 1, mesh.LatencyP90: 1, mesh.LatencyP99: 1,
				mesh.Utilization: 2, mesh.CPU: 2, mesh.Memory: 2, mesh.Up: 2, mesh.Age: 2},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// Metrics that exist but belong to no endpoint are not said to be absent.
func TestWhyASeriesTellsNothing(t *testing.T) {
	d := situation(t, `
		grpc_server_started_total{job="cart",instance="10.1.0.4:9090",grpc_service="shop.Cart"} 0+40x8
		grpc_server_handled_total{job="cart",instance="10.1.0.4:9090",grpc_service="shop.Cart",grpc_code="OK"} 0+40x8
		container_cpu_usage_seconds_total{namespace="shop",pod="cart-1",container="app"} 0+1x8
		container_memory_working_set_bytes{namespace="shop",pod="cart-1"} 1x8`)
	for _, f := range recognition(t, d).Fits {
		if f.Schema.Name != "grpc" {
			continue
		}
		want := map[string]string{
			mesh.CPU:    "its metrics exist, but no endpoint has all of them under the same namespace and pod",
			mesh.Memory: `there is no container_memory_working_set_bytes{container!="",container!="POD"}`,
		}
		if diff := cmp.Diff(want, f.Blind); diff != "" {
			t.Error(diff)
		}
	}
}

// forgetful is a server that loses native histograms on their way through a
// query, as Prometheus 2.42 does where labels are rewritten.
type forgetful struct{ Source }

func (f forgetful) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	if strings.Contains(expr, "histogram_") {
		return nil, nil
	}
	return f.Source.Range(ctx, expr, start, end, step)
}

func TestServerThatLosesNativeHistograms(t *testing.T) {
	d := histories(t, nativeHistogram("http_server_request_duration_seconds", `job="cart",instance="10.1.0.4:9090",http_request_method="GET"`, 1))
	start, end := d.Span()
	_, _, err := Detect(t.Context(), forgetful{d}, start, end)
	if err == nil || !strings.Contains(err.Error(), "otel fits no service: its metrics exist, but the query makes nothing of them: an old server loses native histograms") {
		t.Errorf("%v; want that the server is too old", err)
	}
}
