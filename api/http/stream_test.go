package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	apihttp "github.com/fairway-mesh/fairway/api/http"
)

func TestWatchLines(t *testing.T) {
	table := newTable(t)
	d := serve(t, table, nil, nil)
	resp := d.open(t, t.Context(), "GET", "/v1/watch?service=reviews", nil)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "application/x-ndjson" || resp.Header.Get(api.Life) != d.api.Life() {
		t.Errorf("headers are %v", resp.Header)
	}
	next := lines(t, resp)
	first := read(t, next(), &fairwayv1.ServiceWeights{})
	if first.Service != "reviews" || len(first.Routes) != 3 {
		t.Errorf("first %v", first)
	}
	if beat := read(t, next(), &fairwayv1.ServiceWeights{}); beat.Service != "" || beat.TableVersion != table.Version() {
		t.Errorf("then %v; want a heartbeat", beat)
	}
	publish(table)
	for {
		if w := read(t, next(), &fairwayv1.ServiceWeights{}); w.Service == "reviews" && w.TableVersion > first.TableVersion {
			break
		}
	}
	d.api.Close()
	for {
		line := next()
		if strings.HasPrefix(line, `{"error":`) {
			if !strings.Contains(line, "stopping") {
				t.Error(line)
			}
			break
		}
	}
}

// event is one server-sent event.
type event struct{ kind, id, data string }

func events(t testing.TB, resp *http.Response) func() event {
	next := lines(t, resp)
	return func() (e event) {
		t.Helper()
		for {
			line := next()
			if line == "" {
				return e
			}
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				e.kind = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			default:
				t.Fatalf("a line is %q", line)
			}
		}
	}
}

// TestWatchEvents: a browser's EventSource, or a proxy, goes on where it was.
func TestWatchEvents(t *testing.T) {
	table := newTable(t)
	publish(table)
	d := serve(t, table, nil, nil)
	watch := func(headers ...string) (func() event, func()) {
		ctx, cancel := context.WithCancel(t.Context())
		resp := d.open(t, ctx, "GET", "/v1/watch", nil, append(headers, "Accept", "text/event-stream")...)
		if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("sends %s", kind)
		}
		return events(t, resp), func() { cancel(); resp.Body.Close() }
	}
	next, stop := watch()
	if e := next(); e.kind != "weights" || e.id != "" || read(t, e.data, &fairwayv1.ServiceWeights{}).Service != "reviews" {
		t.Errorf("first %+v", e)
	}
	beat := next()
	if beat.kind != "heartbeat" || beat.id != fmt.Sprintf("%s-%d", d.api.Life(), table.Version()) {
		t.Errorf("then %+v", beat)
	}
	stop()
	next, stop = watch("Last-Event-ID", beat.id)
	if e := next(); e.kind != "heartbeat" {
		t.Errorf("resumed, and first %+v; want a heartbeat, for nothing has changed", e)
	}
	stop()
	next, stop = watch("Last-Event-ID", "999-"+strings.Split(beat.id, "-")[1])
	defer stop()
	if e := next(); e.kind != "weights" {
		t.Errorf("resumed from another life, and first %+v; want all", e)
	}
}

// TestReport takes an array, lines and what is sent bit by bit.
func TestReport(t *testing.T) {
	d := serve(t, newTable(t), nil, func(c *apihttp.Config) { c.MaxBytes = 300 })
	good, bad := `{"service": "reviews", "endpoint": "r1", "status": 200, "latency": "0.012s"}`, `{"service": "reviews", "endpoint": "r9"}`
	many := strings.Repeat(good+"\n", 50) // more than MaxBytes together
	for name, c := range map[string]struct {
		body               string
		received, accepted uint64
		status             int
		says               string
	}{
		"nothing":        {"", 0, 0, 200, ""},
		"empty array":    {" []", 0, 0, 200, ""},
		"one":            {good, 1, 1, 200, ""},
		"array":          {"[" + good + "," + bad + "," + good + "]\n", 3, 2, 200, ""},
		"lines":          {good + "\n\n" + bad + "\r\n" + good, 3, 2, 200, ""},
		"many":           {many, 50, 50, 200, ""},
		"open array":     {"[" + good, 0, 0, 400, "report 2"},
		"two arrays":     {"[][]", 0, 0, 400, "after the array"},
		"no JSON":        {good + "\nlatency=7", 0, 0, 400, "report 2"},
		"cut":            {good + "\n" + good[:20], 0, 0, 400, "report 2"},
		"another field":  {`[{"service": "reviews", "endpont": "r1"}]`, 0, 0, 400, "endpont"},
		"no object":      {`[7]`, 0, 0, 400, "report 1"},
		"no UTF-8":       {"{\"service\": \"\xff\"}", 0, 0, 400, "UTF-8"},
		"a large report": {`{"service": "` + strings.Repeat("x", 9000) + `"}`, 0, 0, 413, "too large"},
	} {
		resp, text := d.ask(t, "POST", "/v1/report", c.body)
		if resp.StatusCode != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %s: %s; want %d, %q", name, resp.Status, text, c.status, c.says)
			continue
		}
		if c.status == 200 {
			if sum := read(t, text, &fairwayv1.ReportSummary{}); sum.Received != c.received || sum.Accepted != c.accepted {
				t.Errorf("%s: %v; want %d of %d", name, sum, c.accepted, c.received)
			}
		}
	}
}

// TestInFlightOverCalls: what one call told stands after it, until the next of
// the same proxy; several of one machine tell themselves apart.
func TestInFlightOverCalls(t *testing.T) {
	table := newTable(t)
	publish(table)
	d := serve(t, table, nil, nil)
	tell := func(proxy string, n int) {
		resp, text := d.ask(t, "POST", "/v1/report?proxy="+proxy, fmt.Sprintf(`{"service": "reviews", "endpoint": "r1", "status": 200, "in_flight": %d}`, n))
		if resp.StatusCode != 200 {
			t.Fatal(text)
		}
	}
	tell("a", 9)
	tell("a", 5)
	tell("b", 2)
	_, text := d.ask(t, "GET", "/v1/weights/reviews", "")
	if w := read(t, text, &fairwayv1.ServiceWeights{}); len(w.Loads) != 1 || w.Loads[0].InFlight != 7 {
		t.Errorf("loads are %v; want 5 + 2 in flight", w.Loads)
	}
}

// TestSlowBodies: a body that does not come ends by itself.
func TestSlowBodies(t *testing.T) {
	d := serve(t, newTable(t), nil, func(c *apihttp.Config) { c.Timeout, c.Silence = 50*time.Millisecond, 50*time.Millisecond })
	for _, path := range []string{"/v1/decide", "/v1/report"} {
		conn, err := net.Dial("tcp", d.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", path)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
}

// TestWatchOfWhoDoesNotRead ends, rather than to keep what is not read.
func TestWatchOfWhoDoesNotRead(t *testing.T) {
	table := newTable(t)
	h, server, _ := handler(t, table, nil, nil)
	defer server.Close()
	err := make(chan error, 1)
	go func() {
		h.ServeHTTP(stuck{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/watch", nil))
		err <- nil
	}()
	select {
	case <-err:
	case <-time.After(20 * time.Second):
		t.Fatal("the watch goes on")
	}
}

// stuck is a connection whose write deadline has passed.
type stuck struct{ http.ResponseWriter }

func (stuck) Write([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// FuzzHandler: whatever comes, the answer has a status that was meant, and a
// body of JSON.
func FuzzHandler(f *testing.F) {
	for _, c := range [][3]string{
		{"POST", "/v1/decide", `{"service": "reviews", "headers": {"a": "b"}}`}, {"GET", "/v1/decide?service=reviews&label.a=b", ""},
		{"POST", "/v1/decide-batch", `{"requests": [{"service": "a"}, null]}`}, {"POST", "/v1/report", `[{"service": "reviews", "latency": "1s"}]`},
		{"POST", "/v1/report", "{}\n{}"}, {"POST", "/v1/explain", `{"service": "reviews"}`}, {"GET", "/v1/weights/a%2Fb%ff", ""}, {"POST", "/v1/forecast", `{"services": []}`},
		{"GET", "/v1/watch?resume=1-x", ""}, {"HEAD", "/v1/decide?service=%00", ""}, {"POST", "/v1/report", `[{"latency": "-1s", "time": "0001-01-01T00:00:00Z", "propensity": "NaN"}]`},
	} {
		f.Add(c[0], c[1], c[2])
	}
	h, server, _ := handler(f, newTable(f), nil, nil)
	server.Close() // so that a Watch ends
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/v1/") {
			t.Skip()
		}
		r.RemoteAddr, r.RequestURI = "127.0.0.1:1", path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case 200, 301, 304, 307, 400, 404, 405, 413, 503:
		default:
			t.Errorf("%s %q: %d %s", method, path, w.Code, w.Body)
		}
		if text := w.Body.Bytes(); w.Header().Get("Content-Type") == "application/json" && w.Code != 304 && len(text) > 0 && !json.Valid(text) {
			t.Errorf("%s %q: %d %q is no JSON", method, path, w.Code, text)
		}
	})
}
