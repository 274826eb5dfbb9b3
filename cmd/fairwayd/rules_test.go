package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestMain runs the tests, or is the daemon where a test runs it as a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv(beDaemon) != "" {
		main()
		return
	}
	// Tests in parallel wait for Prometheus most of their time, not for a processor.
	_ = flag.Set("test.parallel", "6")
	goleak.VerifyTestMain(m)
}

// TestRulesAlone: without a model and without metrics the rules answer.
func TestRulesAlone(t *testing.T) {
	p := start(t, "--rules", write(t, "rules.yaml", tinyRules))
	d := p.until(t, "decided", func(d *fairwayv1.Decision) bool { return d.Reason == "no_model" })
	if d.Source != fairwayv1.Decision_RULES || d.Route != "split" || d.RulesVersion != "7" || d.Policy != "static" {
		t.Errorf("got %v", d)
	}
	if d := p.decide(t, "End-User", "jason"); d.Endpoint.Name != "c" || d.Route != "jason" {
		t.Errorf("jason: %v", d)
	}
	count := map[string]float64{}
	for range 2000 {
		count[p.decide(t).Destination.Subset]++
	}
	// ±4 sigma of a fair draw: a correct program fails once in 16 000 runs.
	if v2 := count["v2"]; v2 < 200-54 || v2 > 200+54 {
		t.Errorf("90/10 became %v", count)
	}
	if code, body := p.get(t, "/readyz"); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, _ := p.get(t, "/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
	if code, _ := p.get(t, "/debug/pprof/goroutine?debug=1"); code != 200 {
		t.Errorf("/debug/pprof: %d", code)
	}
	_, page := p.get(t, "/metrics")
	for _, line := range []string{
		`fairway_decisions_total{reason="no_model",service="shop",source="RULES"} 2`,
		`fairway_requests_total{grpc_status="OK",operation="Decide"} 2`,
		`fairway_table_version `,
		`fairway_windows_total 0`,
		`fairway_poll_errors_total 0`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("/metrics has no %s", line)
		}
	}
	conn, err := net.Dial("tcp", p.agent)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, "shop/c")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "ready up 22%\n" { // 10 to 45
		t.Errorf("the agent answered %q, %v", line, err)
	}
}

// TestStops: streams that are open do not hold the program, not even silent
// ones, and clients are told to ask elsewhere.
func TestStops(t *testing.T) {
	p := start(t, "--rules", write(t, "rules.yaml", tinyRules))
	stream, err := p.client.Watch(t.Context(), &fairwayv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	route, err := p.client.Route(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				ended <- err
				return
			}
		}
	}()
	go func() {
		_, err := route.Recv() // never asked anything
		ended <- err
	}()
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * drain):
		t.Fatal("still running")
	}
	for range 2 {
		if code := status.Code(<-ended); code != codes.Unavailable && code != codes.Canceled { // Canceled: stop closed our side first
			t.Errorf("a stream ended with %v", code)
		}
	}
}
