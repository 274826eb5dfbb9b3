package fit

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
)

const bare = `# TYPE haproxy_server_http_responses counter
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 1 0.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 100 5.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 200 10.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 300 15.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 400 20.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 500 25.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 600 30.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 700 35.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 800 40.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 900 45.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 1000 50.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 1100 55.000
haproxy_server_http_responses_total{code="2xx",proxy="shop",server="a"} 1200 60.000
# EOF
`

// TestSaysWhatCannotBeTold: metrics that do not say how busy an endpoint was.
func TestSaysWhatCannotBeTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bare.om")
	if err := os.WriteFile(path, []byte(bare), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := datasets.Open(t.Context(), path, "lab")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for service, want := range map[string]string{
		"shop": "cannot tell the service time of endpoint a", "other": `no service "other"`, "": "name the one to fit",
	} {
		cfg := DefaultConfig()
		cfg.Service = service
		if _, err := New(t.Context(), r, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("service %q: %v; want %q", service, err, want)
		}
	}
	cfg := DefaultConfig()
	cfg.Runs, cfg.SlowFrom = 1, 1
	if _, err := New(t.Context(), r, cfg); err == nil || !strings.Contains(err.Error(), "runs") || !strings.Contains(err.Error(), "slow from") {
		t.Errorf("a bad config: %v", err)
	}
}

// TestRatioOf: the standard error is about what the ratio of made-up windows
// varies by.
func TestRatioOf(t *testing.T) {
	e := ratioOf([]float64{1, 2, 3, 4}, []float64{2, 4, 6, 8})
	if e.Value != 0.5 || e.Error != 0 {
		t.Errorf("windows of one ratio give %+v", e)
	}
	e = ratioOf([]float64{1, 3}, []float64{4, 4}) // residuals −1 and 1 around 0.5
	if e.Value != 0.5 || math.Abs(e.Error-2./8) > 1e-12 {
		t.Errorf("%+v; want 0.5 ± 0.25", e)
	}
	if e := ratioOf(nil, nil); !math.IsNaN(e.Value) {
		t.Errorf("of nothing %+v", e)
	}
}

// TestSpells: windows of one state are one event while they are alike.
func TestSpells(t *testing.T) {
	states := []state{{}, {slow, 2}, {slow, 2.2}, {slow, 6}, {}, {down, 1}, {down, 1}, {failing, 0.1}, {failing, 0.9}}
	got := spells(states)
	want := []spell{{state{slow, 2.1}, 1, 3}, {state{slow, 6}, 3, 4}, {state{down, 1}, 5, 7}, {state{failing, 0.1}, 7, 8}, {state{failing, 0.9}, 8, 9}}
	if len(got) != len(want) {
		t.Fatalf("%+v; want %+v", got, want)
	}
	for i := range want {
		if got[i].kind != want[i].kind || got[i].from != want[i].from || got[i].to != want[i].to || math.Abs(got[i].amount-want[i].amount) > 1e-9 {
			t.Errorf("spell %d is %+v; want %+v", i, got[i], want[i])
		}
	}
}
