package http_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// TestThreats: a high threat is refused over HTTP too, or told nothing about
// endpoints, neither in the body nor in headers; on this machine nobody is judged.
func TestThreats(t *testing.T) {
	const name = "spiffe://fairway.local/a"
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{URIs: []*url.URL{uri}, KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	for _, onHigh := range []string{threat.Refuse, threat.Quarantine} {
		access := guard.Access{Limits: guard.DefaultLimits(), Allow: guard.DefaultAllow("fairway.local"), Threats: threat.DefaultSettings()}
		access.Threats.Mode, access.Threats.OnHigh = threat.Enforce, onHigh
		access.Threats.Overrides = []threat.Override{{Identity: name, Level: threat.High, Why: "a test"}}
		h, server, _ := handler(t, newTable(t), &access, nil)
		defer server.Close()
		bare := 403
		if onHigh == threat.Quarantine {
			bare = 200
		}
		for _, c := range []struct {
			method, path, body string
			local              bool
			status             int
		}{
			{"GET", "/v1/decide?service=reviews", "", false, bare},
			{"POST", "/v1/decide", `{"service": "reviews", "wantWeights": true}`, false, bare},
			{"POST", "/v1/decide-batch", `{"requests": [{"service": "reviews"}]}`, false, bare},
			{"GET", "/v1/weights/reviews", "", false, 403},
			{"GET", "/v1/forecast?service=reviews", "", false, 403},
			{"GET", "/v1/watch", "", false, 403},
			{"POST", "/v1/report", `{"service": "reviews", "endpoint": "r1"}`, false, 403},
			{"GET", "/v1/decide?service=reviews", "", true, 200},
		} {
			r, w := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)), httptest.NewRecorder()
			if r.RemoteAddr = "127.0.0.1:1"; !c.local {
				r.TLS = state
			}
			h.ServeHTTP(w, r)
			told := w.Body.String()
			for key, values := range w.Header() {
				told += key + ": " + strings.Join(values, ",") + "\n"
			}
			if shown := strings.Contains(told, "900") || strings.Contains(told, "r1"); w.Code != c.status || shown && !c.local || c.local && !shown {
				t.Errorf("%s: %s %s: %d, %s; want %d", onHigh, c.method, c.path, w.Code, told, c.status)
			}
		}
	}
}
