package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestPrometheusGoesAndComes runs a real Prometheus, takes it away and brings
// it back: the model answers, then the rules with reason "stale" as soon as
// the metrics are too old, then the model. No request is left without an
// endpoint (until checks each), and rules hold throughout.
func TestPrometheusGoesAndComes(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("prometheus is not installed: apt-get install prometheus")
		}
		t.Skip("prometheus is not installed")
	}
	shop := exposition(t)
	address, dir := porttest.Address(t), t.TempDir()
	kill := scrape(t, program, dir, address, shop)
	defer func() { kill() }()

	const staleAfter, step = 4 * time.Second, time.Second
	p := start(t, "--prometheus", write(t, "source.yaml", "prometheus: http://"+address+"\n"), "--model", persistence(t), "--rules", write(t, "rules.yaml", tinyRules),
		"--stale-after", staleAfter.String())
	model := func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL }
	jason := func(when string) {
		t.Helper()
		if d := p.decide(t, "end-user", "jason"); d.Endpoint.Name != "c" {
			t.Errorf("%s, jason was sent to %q", when, d.Endpoint.Name)
		}
	}
	d := p.until(t, "the model's", model)
	if d.Reason != "" || d.Policy != "learned" || d.Weights[0].Weight <= d.Weights[1].Weight {
		t.Errorf("want more on a than on b, which is slower: %v", d)
	}
	if v2 := d.Weights[2].Weight; v2 < 0.0999 || v2 > 0.1001 {
		t.Errorf("the canary has %v of the traffic; the rule says 0.1", v2)
	}
	jason("while the model answers")

	kill()
	d = p.until(t, "stale", func(d *fairwayv1.Decision) bool { return d.Reason == "stale" })
	age := d.MetricsAge.AsDuration()
	t.Logf("stale at an age of %v, with %v as the limit and %v between looks", age, staleAfter, step)
	if late := staleAfter + 20*step; d.Source != fairwayv1.Decision_RULES || age <= staleAfter || age > late { // a busy machine looks late
		t.Errorf("want RULES at an age of %v to %v: %v", staleAfter, late, d)
	}
	jason("while Prometheus is away")

	kill = scrape(t, program, dir, address, shop)
	p.until(t, "the model's again", model)
	jason("when Prometheus is back")
}

// exposition serves the metrics of shop: a, b and c take 20 requests/s in 10,
// 40 and 20 ms.
func exposition(t *testing.T) (address string) {
	t.Helper()
	began := time.Now()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := 20 * time.Since(began).Seconds()
		for name, latency := range map[string]float64{"a": 0.010, "b": 0.040, "c": 0.020} {
			labels := fmt.Sprintf(`{service="shop",endpoint=%q}`, name)
			fmt.Fprintf(w, "tiny_seconds_count%s %g\ntiny_seconds_sum%s %g\ntiny_busy%s %g\n", labels, n, labels, n*latency, labels, 20*latency/2)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// scrape starts a Prometheus that scrapes target each second, and returns what
// kills it.
func scrape(t *testing.T, program, dir, address, target string) (kill func()) {
	t.Helper()
	config := write(t, "prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: shop
    honor_labels: true
    static_configs: [{targets: [%q]}]
`, target))
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+dir,
		"--web.listen-address="+address, "--log.level=error")
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		_ = command.Wait() // killed
		if t.Failed() {
			t.Logf("prometheus said:\n%s", &said)
		}
	}
}
