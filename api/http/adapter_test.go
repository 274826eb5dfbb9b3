package http_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
)

// TestAdapter: what an adapter asks is guarded, limited and counted as what others
// ask of the API is.
func TestAdapter(t *testing.T) {
	access := guard.Access{Limits: guard.DefaultLimits(), Allow: []guard.Grant{{Identity: guard.Local, Methods: []string{"Decide", "Watch"}, Services: []string{"reviews"}}}}
	access.Limits.Rate, access.Limits.Burst = 1, 6
	h, server, reg := handler(t, newTable(t), &access, nil)
	defer server.Close()
	var decided *fairwayv1.Decision
	var weights []*fairwayv1.ServiceWeights
	var err error
	h.Mount("/proxy/test/decide", func(_ http.ResponseWriter, r *http.Request) { decided, err = h.Decide(r) })
	h.Mount("/proxy/test/weights", func(_ http.ResponseWriter, r *http.Request) {
		weights, err = h.Weights(r, r.URL.Query()["service"]...)
	})
	ask := func(path string, headers ...string) {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = "127.0.0.1:1"
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if ask("/proxy/test/decide?service=reviews", "End-User", "jason", "X-Forwarded-Uri", "/a"); err != nil || decided.Route != "jason" {
		t.Errorf("decided %v, %v", decided, err)
	}
	if ask("/proxy/test/weights?service=reviews"); err != nil || len(weights) != 1 || weights[0].Service != "reviews" || len(weights[0].Endpoints) != 2 {
		t.Errorf("weights %v, %v", weights, err)
	}
	for _, path := range []string{"/proxy/test/weights", "/proxy/test/weights?service=reviews&service=other", "/proxy/test/decide?service=other"} {
		if ask(path); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", path, err)
		}
	}
	if ask("/proxy/test/decide?service=reviews"); err != nil {
		t.Error(err)
	}
	if ask("/proxy/test/decide?service=reviews"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("beyond the limit: %v", err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := 0.0
	for _, f := range families {
		if f.GetName() == "fairway_decisions_total" {
			for _, m := range f.Metric {
				counted += m.Counter.GetValue()
			}
		}
	}
	if counted != 2 {
		t.Errorf("two decisions are counted as %v", counted)
	}
}
