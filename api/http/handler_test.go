package http_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
	apihttp "github.com/fairway-mesh/fairway/api/http"
)

func TestDecide(t *testing.T) {
	d := serve(t, newTable(t), nil, nil)
	resp, text := d.ask(t, "POST", "/v1/decide", `{"service": "reviews", "headers": {"End-User": "jason"}, "want_weights": true}`)
	got := read(t, text, &fairwayv1.Decision{})
	if resp.StatusCode != 200 || got.Endpoint.Name != "r2" || got.Route != "jason" || got.Timeout.AsDuration() != time.Second || len(got.Weights) != 2 {
		t.Errorf("%s: %s", resp.Status, text)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "application/json" || !strings.Contains(text, `"table_version"`) {
		t.Errorf("%s: %s; want JSON with the names of the proto", kind, text)
	}
}

// TestDecideByHeaders is what a proxy's sub-request gets: fields by query, by
// header and as proxies forward them, the rest as the headers to match.
func TestDecideByHeaders(t *testing.T) {
	d := serve(t, newTable(t), nil, nil)
	for name, c := range map[string]struct {
		path    string
		headers []string
		want    string
	}{
		"query":             {"/v1/decide?service=reviews&path=%2Fa%3Fb=c", []string{"End-User", "jason"}, "r2"},
		"header":            {"/v1/decide", []string{"X-Fairway-Service", "reviews", "End-User", "jason", "X-Forwarded-Uri", "/a?b=c"}, "r2"},
		"no match":          {"/v1/decide?service=reviews", nil, "r1"},
		"query is stronger": {"/v1/decide?service=reviews", []string{"X-Fairway-Service", "nobody", "End-User", "jason"}, "r2"},
	} {
		resp, text := d.ask(t, "GET", c.path, "", c.headers...)
		h := resp.Header
		if h.Get("X-Fairway-Endpoint") != c.want || read(t, text, &fairwayv1.Decision{}).Endpoint.Name != c.want {
			t.Errorf("%s: %v, %s; want %s", name, h, text, c.want)
		}
		if c.want == "r2" && (h.Get("X-Fairway-Address") != "127.0.0.1:9002" || h.Get("X-Fairway-Timeout-Ms") != "1000" || h.Get("X-Fairway-Subset") != "v2" ||
			h.Get("X-Fairway-Route") != "jason" || h.Get("X-Fairway-Propensity") != "1" || h.Get("X-Fairway-Zone") != "b" || h.Get("X-Fairway-Table-Version") == "") {
			t.Errorf("%s: headers are %v", name, h)
		}
	}
	resp, text := d.ask(t, "HEAD", "/v1/decide?service=reviews", "")
	if resp.StatusCode != 200 || resp.Header.Get("X-Fairway-Address") != "127.0.0.1:9001" || text != "" {
		t.Errorf("HEAD: %v %q", resp.Header, text)
	}
	resp, _ = d.ask(t, "GET", "/v1/decide?service=nobody", "")
	if resp.StatusCode != 200 || resp.Header.Get("X-Fairway-Endpoint") != "" || resp.Header.Get("X-Fairway-Reason") != "no_endpoints" {
		t.Errorf("unknown service: %v", resp.Header)
	}
}

func TestOtherCalls(t *testing.T) {
	table := newTable(t)
	d := serve(t, table, nil, nil)
	_, text := d.ask(t, "POST", "/v1/decide-batch", `{"requests": [{"service": "reviews"}, {"service": "nobody"}]}`)
	if got := read(t, text, &fairwayv1.DecideBatchResponse{}); len(got.Decisions) != 2 || got.Decisions[0].Endpoint.Name != "r1" {
		t.Error(text)
	}
	_, text = d.ask(t, "POST", "/v1/explain", `{"service": "reviews"}`)
	if got := read(t, text, &fairwayv1.Explanation{}); len(got.Rules) == 0 || len(got.Endpoints) != 2 {
		t.Error(text)
	}
	for _, c := range [][3]string{{"GET", "/v1/forecast?service=reviews", ""}, {"POST", "/v1/forecast", `{"services": ["reviews"]}`}} {
		resp, text := d.ask(t, c[0], c[1], c[2])
		read(t, text, &fairwayv1.ForecastResponse{})
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", resp.Status, text)
		}
	}
	resp, text := d.ask(t, "GET", "/v1/weights/reviews", "")
	if got := read(t, text, &fairwayv1.ServiceWeights{}); got.Service != "reviews" || len(got.Routes) < 2 {
		t.Error(text)
	}
	tag := resp.Header.Get("ETag")
	if resp, text = d.ask(t, "GET", "/v1/weights/reviews", "", "If-None-Match", tag); resp.StatusCode != 304 || text != "" {
		t.Errorf("the same weights again: %s %s", resp.Status, text)
	}
	publish(table)
	if resp, _ = d.ask(t, "GET", "/v1/weights/reviews", "", "If-None-Match", tag); resp.StatusCode != 200 {
		t.Errorf("other weights: %s", resp.Status)
	}
}

// TestErrors: the same refusals as over gRPC, as google.rpc.Status.
func TestErrors(t *testing.T) {
	d := serve(t, newTable(t), nil, func(c *apihttp.Config) { c.MaxBytes = 1000 })
	for _, c := range []struct {
		method, path, body string
		status             int
		code               codes.Code
		says               string
	}{
		{"POST", "/v1/decide", `{}`, 400, codes.InvalidArgument, "service is empty"},
		{"POST", "/v1/decide", ``, 400, codes.InvalidArgument, "body"},
		{"POST", "/v1/decide", `{"service": 7}`, 400, codes.InvalidArgument, "body"},
		{"POST", "/v1/decide", `{"servcie": "reviews"}`, 400, codes.InvalidArgument, "servcie"},
		{"POST", "/v1/decide", "{\"service\": \"\xff\"}", 400, codes.InvalidArgument, "UTF-8"},
		{"POST", "/v1/decide", `{"service": "` + strings.Repeat("x", 1000) + `"}`, 413, codes.ResourceExhausted, "too large"},
		{"POST", "/v1/decide-batch", `{"requests": [{"service": "a"}, {}]}`, 400, codes.InvalidArgument, "requests[1].service"},
		{"POST", "/v1/decide-batch", `{"requests": [{}, {}, {}, {}]}`, 400, codes.InvalidArgument, "at most 3"},
		{"GET", "/v1/decide", "", 400, codes.InvalidArgument, "service is empty"},
		{"GET", "/v1/decide?servcie=a", "", 400, codes.InvalidArgument, "servcie"},
		{"GET", "/v1/decide?service=a&want_weights=perhaps", "", 400, codes.InvalidArgument, "want_weights"},
		{"GET", "/v1/decide?%zz", "", 400, codes.InvalidArgument, "query"},
		{"GET", "/v1/watch?resume=7&from=8", "", 400, codes.InvalidArgument, "from"},
		{"GET", "/v1/watch?service=a&service=b&service=c&service=d", "", 400, codes.InvalidArgument, "at most 3"},
		{"GET", "/v1/forecast?services=a", "", 400, codes.InvalidArgument, "services"},
		{"PUT", "/v1/decide", "", 405, codes.Unimplemented, "GET and HEAD and POST"},
		{"GET", "/v1/report", "", 405, codes.Unimplemented, "takes POST"},
		{"GET", "/v2/decide", "", 404, codes.NotFound, "/v2/decide"},
	} {
		resp, text := d.ask(t, c.method, c.path, c.body)
		got := read(t, text, &status.Status{})
		if resp.StatusCode != c.status || codes.Code(got.Code) != c.code || !strings.Contains(strings.ReplaceAll(got.Message, ", ", " and "), strings.ReplaceAll(c.says, ", ", " and ")) {
			t.Errorf("%s %s %.50s: %s, %s; want %d, %s, %q", c.method, c.path, c.body, resp.Status, text, c.status, c.code, c.says)
		}
		if c.code == codes.InvalidArgument {
			if len(got.Details) == 0 || !got.Details[0].MessageIs(&errdetails.BadRequest{}) {
				t.Errorf("%s %s: no BadRequest in %s", c.method, c.path, text)
			}
		}
	}
}

// TestGuarded: the guard of gRPC stands before HTTP too.
func TestGuarded(t *testing.T) {
	access := guard.Access{Limits: guard.DefaultLimits(), Allow: []guard.Grant{{Identity: guard.Local, Methods: []string{"Decide", "Watch", "Report"}, Services: []string{"reviews"}}}}
	access.Limits.Rate, access.Limits.Burst = 1, 13
	d := serve(t, newTable(t), &access, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v1/decide?service=reviews", "", 200},
		{"GET", "/v1/decide?service=other", "", 403},
		{"POST", "/v1/explain", `{"service": "reviews"}`, 403},
		{"GET", "/v1/weights/reviews", "", 200},
		{"GET", "/v1/weights/other", "", 403},
		{"GET", "/v1/watch", "", 403},
		{"POST", "/v1/report", `{"service": "other", "endpoint": "r1"}`, 403},
		{"POST", "/v1/report", `{"service": "reviews", "endpoint": "r1"}`, 200},
	} {
		if resp, text := d.ask(t, c.method, c.path, c.body); resp.StatusCode != c.status {
			t.Errorf("%s %s: %s, %s; want %d", c.method, c.path, resp.Status, text, c.status)
		}
	}
	var resp *http.Response
	for range 20 { // more than the burst
		if resp, _ = d.ask(t, "GET", "/v1/decide?service=reviews", ""); resp.StatusCode != 200 {
			break
		}
	}
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("too many: %s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
}

// TestBrowsers: a page of another site cannot use the browser's place on this
// machine.
func TestBrowsers(t *testing.T) {
	d := serve(t, newTable(t), nil, nil)
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		resp, text := d.ask(t, "POST", "/v1/report", "[]", headers...)
		if got := read(t, text, &status.Status{}); resp.StatusCode != 403 || codes.Code(got.Code) != codes.PermissionDenied {
			t.Errorf("%v: %s %s", headers, resp.Status, text)
		}
	}
	if resp, text := d.ask(t, "POST", "/v1/report", "[]", "Origin", d.URL); resp.StatusCode != 200 {
		t.Errorf("its own: %s %s", resp.Status, text)
	}
}

// TestCounted: calls are counted as those of gRPC are, those that are refused
// before they are understood among them.
func TestCounted(t *testing.T) {
	d := serve(t, newTable(t), nil, nil)
	d.ask(t, "POST", "/v1/decide", `{"service": "reviews"}`)
	d.ask(t, "POST", "/v1/decide", `{`)
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "fairway_requests_total" {
			for _, m := range f.Metric {
				counts[m.Label[0].GetValue()+m.Label[1].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	if counts["OKDecide"] != 1 || counts["InvalidArgumentDecide"] != 1 {
		t.Errorf("counted %v", counts)
	}
}

// BenchmarkHandler is what a call costs without the network.
func BenchmarkHandler(b *testing.B) {
	h, server, _ := handler(b, newTable(b), nil, nil)
	defer server.Close()
	for _, c := range [][3]string{{"HEAD", "/v1/decide?service=reviews", ""}, {"GET", "/v1/decide?service=reviews", ""}, {"POST", "/v1/decide", `{"service": "reviews"}`}} {
		b.Run(c[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(c[0], c[1], strings.NewReader(c[2]))
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, r); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
