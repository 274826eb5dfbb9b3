package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// shopRecording is a recording of shop with a request log.
func shopRecording(t *testing.T, requests string) string {
	t.Helper()
	dir := t.TempDir()
	om, err := os.ReadFile(shop(t, 10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(shopSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"manifest.json": `{"format":"fairway-recording/1","schema":"shop.yaml","services":["shop"],"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:10:00Z","scrape_interval_s":5}`,
		"metrics.om":    strings.ReplaceAll(string(om), `endpoint="e1"`, `endpoint="e\n1"`), "shop.yaml": string(schema), "requests.csv": requests,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInspectReadsTheRequestLog(t *testing.T) {
	const log = "time,service,endpoint,latency_seconds,status,propensity\n1767225600,shop,e0,0.1,200,0.5\n1767225601,shop,e0,0.1,200,\n"
	out := mustCall(t, "inspect", shopRecording(t, log))
	if !strings.Contains(out, "2 in the log, 1 of them") || !strings.Contains(out, `e\n1`) {
		t.Errorf("inspect writes\n%s\nwant the requests counted and a line break in a name written as such", out)
	}
	if _, _, err := call(t, "inspect", shopRecording(t, log+"1767225602,shop")); exitStatus(err) != 1 || !strings.Contains(err.Error(), "requests.csv:4") {
		t.Errorf("a cut log gives %v; want its line", err)
	}
}

// TestInspectSaysWhyThereIsNothing asks for rates over a range of one scrape.
func TestInspectSaysWhyThereIsNothing(t *testing.T) {
	text, err := os.ReadFile(shopSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	schema := filepath.Join(t.TempDir(), "short.yaml")
	short := strings.NewReplacer("range: 20s", "range: 5s", "shop_latency_seconds", "shop_latencies_seconds").Replace(string(text))
	if err := os.WriteFile(schema, []byte(short), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = call(t, "inspect", shop(t, 10*time.Minute), "--schema", schema)
	if err == nil || !strings.Contains(err.Error(), "find nothing") {
		t.Errorf("inspect gives %v; want that the queries find nothing", err)
	}
	short = strings.Replace(string(text), "rate(shop_requests_total[$range])", "rate(shop_requests_total[5s])", 1)
	if err := os.WriteFile(schema, []byte(short), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := mustCall(t, "inspect", shop(t, 10*time.Minute), "--schema", schema); !strings.Contains(out, "0 values; its metrics exist, its query finds nothing") {
		t.Errorf("inspect writes\n%s\nwant why there are no values", out)
	}
}

// A series without a value is explained by what its query does.
func TestRemarks(t *testing.T) {
	gauge := &mesh.Series{Name: mesh.Utilization, Query: "sessions / limit"}
	for want, got := range map[string]string{
		"": remark(gauge, 1, nil, ""),
		"; its metrics exist, but never have a value": remark(gauge, 0, nil, ""),
		"; there is no b{c=\"d\"}":                    remark(gauge, 0, nil, `there is no b{c="d"}`),
		"; no metric limit":                           remark(gauge, 0, []prom.Missing{{Series: mesh.Utilization, Metric: "limit"}}, "x"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
