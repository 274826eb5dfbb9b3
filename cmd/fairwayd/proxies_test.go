package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestProxies: the adapters that speak HTTP answer from the daemon's table, and are
// counted.
func TestProxies(t *testing.T) {
	p := start(t, "--rules", write(t, "r.yaml", `
services:
  - name: web
    endpoints: [{name: a, subset: v1, address: "127.0.0.1:9001"}, {name: b, subset: v2, address: "127.0.0.1:9002"}]
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: split, to: [{subset: v1, weight: 75}, {subset: v2, weight: 25}]}
`), "--http", "127.0.0.1:0")
	at := "http://" + p.web(t)
	get := func(path string, headers ...string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", at+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	resp, text := get("/proxy/nginx/weights?service=web")
	if want := `"endpoints":[{"name":"a","address":"127.0.0.1:9001","weight":0.75},{"name":"b","address":"127.0.0.1:9002","weight":0.25}]`; !strings.Contains(text, want) {
		t.Errorf("weights for nginx: %s %s", resp.Status, text)
	}
	told := 1
	for resp.StatusCode != http.StatusNotModified { // the table may be renewed in between
		if told++; told > 20 {
			t.Fatalf("the same weights: %s", resp.Status)
		}
		resp, _ = get("/proxy/nginx/weights?service=web", "If-None-Match", resp.Header.Get("ETag"))
	}
	if resp, _ := get("/proxy/nginx/auth?service=web", "End-User", "jason", "X-Forwarded-Uri", "/"); resp.StatusCode != 204 || resp.Header.Get("X-Fairway-Address") != "127.0.0.1:9002" {
		t.Errorf("auth_request: %s %v", resp.Status, resp.Header)
	}
	if resp, _ := get("/proxy/nginx/auth?service=who"); resp.StatusCode != 204 || resp.Header.Get("X-Fairway-Reason") != "no_endpoints" {
		t.Errorf("auth_request of nobody: %s %v", resp.Status, resp.Header)
	}
	if resp, text := get("/proxy/traefik"); resp.StatusCode != 200 || !strings.Contains(text, `"web_jason":{"rule":"Header(\"end-user\", \"jason\")","priority":3`) ||
		!strings.Contains(text, `{"url":"http://127.0.0.1:9001","weight":750}`) {
		t.Errorf("Traefik: %s %s", resp.Status, text)
	}
	_, metrics := p.get(t, "/metrics")
	for _, want := range []string{
		fmt.Sprintf(`fairway_proxy_answers_total{adapter="nginx-lua"} %d`, told), `fairway_proxy_answers_total{adapter="nginx-auth"} 1`,
		`fairway_proxy_answers_total{adapter="traefik"} 1`, `fairway_proxy_fail_open_total{adapter="nginx-auth",reason="no_endpoints"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
