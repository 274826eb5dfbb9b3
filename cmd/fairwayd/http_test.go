package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity"
)

// web is where the program says that it serves HTTP.
func (p *program) web(t testing.TB) string {
	t.Helper()
	p.more.Scan()
	address, is := strings.CutPrefix(p.more.Text(), "http ")
	if !is {
		t.Fatalf("the program says %q", p.more.Text())
	}
	return address
}

// TestHTTP: the API over HTTP is that over gRPC, and ends with the daemon while
// somebody watches.
func TestHTTP(t *testing.T) {
	p := start(t, "--rules", write(t, "r.yaml", tinyRules), "--http", "127.0.0.1:0")
	at := "http://" + p.web(t)
	resp, err := http.Get(at + "/v1/decide?service=shop")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("X-Fairway-Endpoint") == "" {
		t.Errorf("%s: %v", resp.Status, resp.Header)
	}
	watch, err := http.Get(at + "/v1/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Body.Close()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if text, _ := io.ReadAll(watch.Body); !strings.Contains(string(text), "the server is stopping") {
		t.Errorf("the watch ended with %q", text)
	}
}

// TestHTTPOverTLS asks for certificates where gRPC does.
func TestHTTPOverTLS(t *testing.T) {
	state := t.TempDir()
	p := start(t, "--rules", write(t, "r.yaml", tinyRules), "--http", "127.0.0.1:0", "--tls", "--state", state)
	at := p.web(t)
	cfg := identity.DefaultConfig()
	cfg.State, cfg.Path, cfg.Clock = filepath.Join(state, "identity"), "/a", time.Now
	source, err := identity.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	transport := &http.Transport{TLSClientConfig: source.ClientTLS("", ""), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + at + "/v1/decide?service=shop")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("%s over %s", resp.Status, resp.Proto)
	}
	for _, url := range []string{"http://", "https://"} {
		resp, err := http.Get(url + at + "/v1/decide?service=shop")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Errorf("%s without a certificate: %s", url, resp.Status)
		}
	}
}

// TestHTTPInUse: an address that cannot be had stops the daemon.
func TestHTTPInUse(t *testing.T) {
	l := listener(t)
	err := run(context.Background(), []string{"--rules", write(t, "r.yaml", tinyRules), "--listen", "127.0.0.1:0", "--admin", "", "--http", l.Addr().String()}, io.Discard, &log{})
	if err == nil || !strings.Contains(err.Error(), "--http: ") {
		t.Errorf("ended with %v", err)
	}
}
