package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// post says something at /threats.
func (p *program) post(t testing.TB, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.admin+"/threats", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return ask(t, r)
}

func (p *program) threats(t testing.TB) (v threat.View) {
	t.Helper()
	code, body := p.get(t, "/threats")
	if err := json.Unmarshal([]byte(body), &v); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	return v
}

// TestThreats: an operator says that a caller is a threat, by the admin port or by
// the access file, which is read again; it is told until threats are enforced, and
// then refused; what a browser sends is not heard.
func TestThreats(t *testing.T) {
	state := t.TempDir()
	access := write(t, "access.yaml", "limits: {rate: 1000}\n")
	p := start(t, "--rules", write(t, "r.yaml", tinyRules), "--tls", "--state", state, "--access", access)
	a := p.as(t, caller(t, state, "/a"))
	if err := shop(t, a); err != nil {
		t.Fatal(err)
	}
	if v := p.threats(t); v.Mode != threat.DryRun || len(v.Callers) != 2 || v.ServicesFrom.IsZero() {
		t.Fatalf("%+v", v)
	}
	const high = `{"identity": "spiffe://fairway.local/a", "level": "high", "for": "10m", "why": "its key was on a laptop"}`
	if code, _ := p.post(t, high, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); code != http.StatusForbidden {
		t.Errorf("a browser: %d", code)
	}
	if code, body := p.post(t, high); code != http.StatusOK || !strings.Contains(body, "laptop") {
		t.Errorf("%d %s", code, body)
	}
	said(t, p, "a threat level is overruled")
	said(t, p, "threat level")
	if err := shop(t, a); err != nil {
		t.Errorf("in a dry run: %v", err)
	}
	if _, body := p.get(t, "/metrics"); !strings.Contains(body, `fairway_threat_would_refuse_total{reason="HIGH_THREAT"} 1`) || !strings.Contains(body, `fairway_threat_callers{level="high"} 1`) {
		t.Error("the metrics do not tell what would be refused")
	}
	enforce := "limits: {rate: 1000}\nthreats: {mode: enforce}\n"
	replace(t, access, []byte(enforce))
	said(t, p, "the mode is changed")
	if err := shop(t, a); status.Code(err) != codes.PermissionDenied {
		t.Errorf("enforced: %v", err)
	}
	if code, body := p.post(t, `{"identity": "spiffe://fairway.local/a", "level": "auto"}`); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if err := shop(t, a); err != nil {
		t.Errorf("cleared: %v", err)
	}
	if code, _ := p.post(t, `{"identity": "spiffe://fairway.local/a", "level": "auto"}`); code != http.StatusBadRequest {
		t.Errorf("cleared twice: %d", code)
	}
	replace(t, access, []byte(enforce[:len(enforce)-2]+", overrides: [{identity: 'spiffe://fairway.local/*', level: high, why: all of them}]}\n"))
	said(t, p, "overrides=1")
	if err := shop(t, a); status.Code(err) != codes.PermissionDenied {
		t.Errorf("by the access file: %v", err)
	}
}

func TestReadOverride(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, bad := range []string{
		"", "[]", "{}", `{"identity": "a", "level": "high"}`, `{"identity": "a", "level": "worst", "why": "x"}`, `{"level": "low", "why": "x"}`,
		`{"identity": "a", "level": "low", "why": "x", "for": "-1h"}`, `{"identity": "a", "level": "low", "why": "x", "until": "2020-01-01T00:00:00Z"}`,
		`{"identity": "a", "level": "low", "why": "x", "for": "1h", "until": "2030-01-01T00:00:00Z"}`, `{"identity": "a", "level": "low", "why": "x", "colour": "red"}`,
	} {
		if o, _, err := readOverride([]byte(bad), now); err == nil {
			t.Errorf("%s is read as %+v", bad, o)
		}
	}
	o, clear, err := readOverride([]byte(`{"identity": "spiffe://d/a*", "level": "medium", "why": "x"}`), now)
	if err != nil || clear || o.Level != threat.Medium || !o.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v, %v, %v", o, clear, err)
	}
}

func FuzzOverride(f *testing.F) {
	for _, text := range []string{"", "{}", `{"identity": "a*", "level": "high", "for": "1h", "why": "x"}`, `{"identity":"a","level":"auto"}`, `{"until":"x"}`} {
		f.Add([]byte(text))
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		o, clear, err := readOverride(bytes.Clone(text), now)
		if err == nil && !clear && (o.Validate() != nil || !o.Until.After(now)) {
			t.Errorf("%s is read as %+v", text, o)
		}
	})
}
