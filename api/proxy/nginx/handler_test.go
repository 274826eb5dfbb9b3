package nginx

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/proxy"
)

func ask(h *Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux(h).ServeHTTP(w, r)
	return w
}

func plainFleet() *fleet {
	return &fleet{ttl: 15 * time.Second, version: 7, weights: []float64{0.75, 0.25}, endpoints: []*fairwayv1.Endpoint{
		{Name: "b1", Address: "127.0.0.1:9001"}, {Name: "[::1]:9002"},
	}}
}

func TestWeights(t *testing.T) {
	f := plainFleet()
	h := New(f, nil)
	w := ask(h, "/proxy/nginx/weights?service=web")
	want := `{"version":"7","ttl":15,"service":"web","route":"default","source":"MODEL","endpoints":[` +
		`{"name":"b1","address":"127.0.0.1:9001","weight":0.75},{"name":"[::1]:9002","address":"[::1]:9002","weight":0.25}]}` + "\n"
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("ETag") != `"7"` || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v %s; want %s", w.Code, w.Header(), w.Body, want)
	}
	if w = ask(h, "/proxy/nginx/weights?service=web", "If-None-Match", `"7"`); w.Code != 304 || w.Header().Get("X-Fairway-TTL") != "15" || w.Body.Len() > 0 {
		t.Errorf("the same: %d %v", w.Code, w.Header())
	}
	f.change(func() {})
	if w = ask(h, "/proxy/nginx/weights?service=web", "If-None-Match", `"7"`); w.Code != 200 {
		t.Errorf("others: %d", w.Code)
	}
	var got sheet
	w = ask(h, "/proxy/nginx/weights?service=web&route=jason")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Endpoints) != 1 || got.Route != "jason" {
		t.Errorf("a route: %s, %v", w.Body, err)
	}
}

// TestWeightsOfNothing: where there is nothing to pick from, the answer says why.
func TestWeightsOfNothing(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := plainFleet()
	h := New(f, proxy.NewMetrics(reg))
	for _, test := range []struct {
		reason, path string
		change       func()
	}{
		{"unknown_service", "?service=who", func() {}},
		{"unknown_route", "?service=web&route=who", func() {}},
		{"no_endpoints", "?service=web", func() { f.weights = nil }},
		{"no_address", "?service=web", func() { f.endpoints[0].Address, f.weights = "b1.example:80", []float64{1} }},
	} {
		f.change(test.change)
		w := ask(h, "/proxy/nginx/weights"+test.path)
		var got sheet
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Reason != test.reason || got.Endpoints == nil || len(got.Endpoints) > 0 {
			t.Errorf("%s: %s, %v", test.reason, w.Body, err)
		}
	}
	if n := testutil.ToFloat64(gathered(t, reg, "fairway_proxy_fail_open_total")); n != 4 {
		t.Errorf("%v of four are counted", n)
	}
	if w := ask(h, "/proxy/nginx/weights"); w.Code != 400 {
		t.Errorf("no service: %d", w.Code)
	}
	if w := ask(h, "/proxy/nginx/weights?service=web&rout=jason"); w.Code != 400 || !strings.Contains(w.Body.String(), `"rout" is not known`) {
		t.Errorf("a parameter that is none: %d %s", w.Code, w.Body)
	}
	for code, want := range map[codes.Code]int{codes.PermissionDenied: 403, codes.Unauthenticated: 403, codes.ResourceExhausted: 429, codes.InvalidArgument: 400, codes.Internal: 503} {
		f.err = status.Error(code, "no")
		if w := ask(h, "/proxy/nginx/weights?service=web"); w.Code != want {
			t.Errorf("%v: %d; want %d", code, w.Code, want)
		}
	}
}

// gathered is the sum of a metric.
func gathered(t *testing.T, reg *prometheus.Registry, name string) prometheus.Gauge {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sum"})
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.Metric {
				sum.Add(m.GetCounter().GetValue())
			}
		}
	}
	return sum
}

// TestAuthAnswers is always 204, for others would refuse the request.
func TestAuthAnswers(t *testing.T) {
	f := plainFleet()
	h := New(f, nil)
	w := ask(h, "/proxy/nginx/auth?service=web")
	if head := w.Header(); w.Code != 204 || head.Get("X-Fairway-Address") != "127.0.0.1:9001" || head.Get("X-Fairway-Endpoint") != "b1" ||
		head.Get("X-Fairway-Route") != "default" || head.Get("X-Fairway-Timeout-Ms") != "1500" {
		t.Errorf("%d %v", w.Code, head)
	}
	for reason, change := range map[string]func(){
		"no_endpoints": func() { f.weights = nil },
		"no_address":   func() { f.weights, f.endpoints[0].Address = []float64{1, 0}, "b1.example:80" },
		"refused":      func() { f.err = errRefused },
		"malformed":    func() { f.err = status.Error(codes.InvalidArgument, "no") },
		"failed":       func() { f.err = status.Error(codes.Internal, "no") },
	} {
		f.err = nil
		change()
		w := ask(h, "/proxy/nginx/auth?service=web")
		if _, there := w.Header()["X-Fairway-Address"]; w.Code != 204 || there || w.Header().Get("X-Fairway-Reason") != reason {
			t.Errorf("%s: %d %v", reason, w.Code, w.Header())
		}
	}
}

// strict takes no request that asks for weights.
type strict struct{ *fleet }

func (s strict) Decide(r *http.Request) (*fairwayv1.Decision, error) {
	if r.Header.Get("X-Fairway-Want-Weights") != "" {
		return nil, status.Error(codes.InvalidArgument, "is neither true nor false")
	}
	return s.fleet.Decide(r)
}

// TestStrangersHeader: no header of a request leaves it to nginx where the rules have an
// answer.
func TestStrangersHeader(t *testing.T) {
	w := ask(New(strict{plainFleet()}, nil), "/proxy/nginx/auth?service=web", "X-Fairway-Want-Weights", "no idea")
	if w.Header().Get("X-Fairway-Address") == "" {
		t.Errorf("%v", w.Header())
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", "[::1]:80": "[::1]:80", "localhost:80": "127.0.0.1:80", "unix:/run/a.sock": "unix:/run/a.sock",
		"": "", "b1": "", "b1:80": "", "127.0.0.1": "", "127.0.0.1:0": "", "127.0.0.1:http": "", "[fe80::1%eth0]:80": "", "localhost:": "",
		"unix:a": "", "unix:/a\r\nX: y": "", "127.0.0.1:80\r\nX: y": "", "127.0.0.1:80/x": "",
	} {
		if at, usable := address(&fairwayv1.Endpoint{Address: text}); usable != (want != "") || usable && at != want {
			t.Errorf("%q is %q, %v; want %q", text, at, usable, want)
		}
	}
}

// FuzzWeights: whatever is asked, the answer is one that nginx can read.
func FuzzWeights(f *testing.F) {
	for _, seed := range [][2]string{{"web", ""}, {"web", "jason"}, {"", ""}, {"\xff", "\x00"}, {"a b&c", "%"}} {
		f.Add(seed[0], seed[1])
	}
	h := New(plainFleet(), nil)
	f.Fuzz(func(t *testing.T, service, route string) {
		r := httptest.NewRequest(http.MethodGet, "/proxy/nginx/weights", nil)
		q := r.URL.Query()
		q.Set("service", service)
		q.Set("route", route)
		r.URL.RawQuery = q.Encode()
		w := httptest.NewRecorder()
		h.Weights(w, r)
		var got sheet
		if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code == 200 && err != nil || w.Code != 200 && service != "" {
			t.Errorf("%d %s, %v", w.Code, w.Body, err)
		}
	})
}
