package http_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestHAProxy: a real HAProxy asks for each request, and balances by itself
// when nobody answers.
func TestHAProxy(t *testing.T) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy"
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("haproxy is not installed: apt-get install haproxy")
		}
		t.Skip("haproxy is not installed")
	}
	d := serve(t, newTable(t), nil, nil)
	front := haproxy(t, program, d.Listener.Addr().String())
	for range 3 {
		if got := through(t, front, "jason"); got != "r2" {
			t.Errorf("jason is sent to %s; want r2", got)
		}
		if got := through(t, front, "anna"); got != "r1" {
			t.Errorf("anna is sent to %s; want r1", got)
		}
	}
	d.api.Close()
	d.Server.Close()
	seen := map[string]bool{}
	for range 20 {
		seen[through(t, front, "jason")] = true
	}
	if !seen["r1"] || !seen["r2"] {
		t.Errorf("without a daemon the servers are %v; want HAProxy's own balance", seen)
	}
}

// haproxy starts one before the endpoints r1 and r2, and returns its address.
func haproxy(t *testing.T, program, daemon string) (front string) {
	t.Helper()
	front = porttest.Address(t)
	var servers strings.Builder
	for _, name := range []string{"r1", "r2"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		fmt.Fprintf(&servers, "    use-server %s if { var(txn.fairway) -m str %s }\n    server %s %s\n", name, name, name, s.Listener.Addr())
	}
	text, err := os.ReadFile("testdata/fairway.lua")
	if err != nil {
		t.Fatal(err)
	}
	script, path := filepath.Join(t.TempDir(), "fairway.lua"), filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, `
global
    lua-load-per-thread %s
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen reviews
    bind %s
    balance roundrobin
    http-reuse never
    http-request lua.fairway %s reviews
%s`, script, front, daemon, servers.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-db", "-f", path)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // killed
		if t.Failed() {
			t.Logf("haproxy said:\n%s", &said)
		}
	})
	return front
}

// through is the endpoint that a request of the user reached.
func through(t *testing.T, front, user string) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+front+"/a?b=c", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("End-User", user)
		r.Close = true
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
