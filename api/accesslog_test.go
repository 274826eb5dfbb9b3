package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// logged is what the log says once its goroutine has ended.
func logged(t *testing.T, watch *stopwatch, change func(*LogConfig), calls func(*Metrics)) string {
	t.Helper()
	reg, cfg := prometheus.NewRegistry(), DefaultLogConfig()
	if change != nil {
		change(&cfg)
	}
	m := NewMetrics(reg, watch.clock)
	var err error
	if m.Log, err = NewAccessLog(reg, watch.clock, cfg); err != nil {
		t.Fatal(err)
	}
	calls(m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	m.Log.Run(ctx, slog.New(slog.NewTextHandler(&out, nil)))
	if n := float64(strings.Count(out.String(), "\n")); n != testutil.ToFloat64(m.Log.written) {
		t.Errorf("%v lines, %v counted", n, testutil.ToFloat64(m.Log.written))
	}
	return out.String()
}

func decideTakes(m *Metrics, watch *stopwatch, ctx context.Context, in *fairwayv1.DecideRequest, took time.Duration, err error) {
	m.Unary(ctx, in, decideInfo, func(context.Context, any) (any, error) {
		watch.pass(took)
		return nil, err
	})
}

// TestFilter: the origin's. What failed is logged, and what took more than
// 100 ms; of a request its service alone, and its trace.
func TestFilter(t *testing.T) {
	watch := &stopwatch{now: time.Unix(0, 0)}
	in := &fairwayv1.DecideRequest{Service: "shop", Path: "/card/4111", Headers: map[string]string{"authorization": "hunter22"}, SessionKey: "hunter22"}
	out := logged(t, watch, nil, func(m *Metrics) {
		m.Log.Who = func(context.Context) string { return "spiffe://x/proxy" }
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "authorization", "hunter22"))
		decideTakes(m, watch, ctx, in, 100*time.Millisecond, nil) // not more than 100 ms
		decideTakes(m, watch, ctx, in, 101*time.Millisecond, nil)
		decideTakes(m, watch, ctx, in, 0, status.Error(codes.InvalidArgument, "headers "+strings.Repeat("é", 300)))
		decideTakes(m, watch, t.Context(), &fairwayv1.DecideRequest{Service: "a\nlevel=ERROR"}, 0, errors.New("lost"))
	})
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("want three lines:\n%s", out)
	}
	for i, want := range []string{"level=INFO msg=call operation=Decide status=OK took=101ms service=shop caller=spiffe://x/proxy trace=0af7651916cd43dd8448eb211c80319c", "status=InvalidArgument", `level=WARN msg=call operation=Decide status=Unknown took=0s service="a\nlevel=ERROR" caller=spiffe://x/proxy error=lost`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%s\ndoes not say %s", lines[i], want)
		}
	}
	if strings.Contains(out, "hunter22") || strings.Contains(out, "4111") {
		t.Errorf("what is the caller's own is in the log:\n%s", out)
	}
	if len(lines[1]) > 500 || !strings.Contains(lines[1], "é…") {
		t.Errorf("a long text is not cut: %s", lines[1])
	}
}

// TestPart: a tenth of a hundred calls that nothing is wrong with.
func TestPart(t *testing.T) {
	watch := &stopwatch{now: time.Unix(0, 0)}
	out := logged(t, watch, func(c *LogConfig) { c.Part = 0.1 }, func(m *Metrics) {
		for range 100 {
			decideTakes(m, watch, t.Context(), nil, 0, nil)
		}
	})
	if n := strings.Count(out, "\n"); n != 10 {
		t.Errorf("%d lines of 100 calls; want 10", n)
	}
}

// TestFlood: 100,000 errors at once are a burst of lines and a count; nobody
// waits for a log that nobody writes.
func TestFlood(t *testing.T) {
	watch := &stopwatch{now: time.Unix(0, 0)}
	out := logged(t, watch, func(c *LogConfig) { c.Burst = 20 }, func(m *Metrics) {
		fail := func() { decideTakes(m, watch, t.Context(), nil, 0, errors.New("flood")) }
		for range 100_000 {
			fail()
		}
		if n := testutil.ToFloat64(m.Log.lost); n != 100_000-20 {
			t.Errorf("%v lines lost; want all but 20", n)
		}
		<-m.Log.lines // one has been written
		watch.pass(100 * time.Millisecond)
		fail()
		fail()
	})
	if n := strings.Count(out, "\n"); n != 20 || !strings.Contains(out, "not_logged=99980") {
		t.Errorf("%d lines; want 20, the last of which says how many are missing:\n%s", n, out)
	}
}

// TestHTTPFilter: the same of an HTTP handler.
func TestHTTPFilter(t *testing.T) {
	watch := &stopwatch{now: time.Unix(0, 0)}
	out := logged(t, watch, nil, func(m *Metrics) {
		h := m.Log.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var code int
			fmt.Sscan(r.URL.Query().Get("code"), &code)
			w.WriteHeader(code)
		}))
		for _, code := range []int{200, 399, 400, 503} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/x?code=%d", code), nil))
		}
	})
	if strings.Count(out, "\n") != 2 || !strings.Contains(out, `level=INFO msg=call operation="GET /x" status=400`) || !strings.Contains(out, "level=WARN msg=call operation=\"GET /x\" status=503") {
		t.Errorf("want 400 and 503:\n%s", out)
	}
}

func TestLogConfig(t *testing.T) {
	for _, cfg := range []LogConfig{{}, {Slow: 1, Part: 2, PerSecond: 1, Burst: 1}, {Slow: 1, PerSecond: 1}} {
		if _, err := NewAccessLog(prometheus.NewRegistry(), time.Now, cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
