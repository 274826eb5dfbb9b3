package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestNginx: a real nginx, by lua and by auth_request, splits as the daemon's rules
// say, serves while the daemon is gone, and splits by other rules when it is back.
func TestNginx(t *testing.T) {
	for _, example := range []string{"nginx-lua", "nginx-auth"} {
		t.Run(example, func(t *testing.T) {
			var endpoints []mesh.Endpoint
			for _, name := range []string{"a", "b"} {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
				t.Cleanup(s.Close)
				endpoints = append(endpoints, mesh.Endpoint{Name: name, Address: s.Listener.Addr().String()})
			}
			l := listener(t)
			at := l.Addr().String()
			l.Close()
			daemon := func(share int) *program {
				p := start(t, "--http", at, "--rules", write(t, "r.yaml", fmt.Sprintf(`
services:
  - name: web
    endpoints: [{name: a, subset: v1, address: %q}, {name: b, subset: v2, address: %q}]
    routes: [{name: split, to: [{subset: v1, weight: %d}, {subset: v2, weight: %d}]}]
`, endpoints[0].Address, endpoints[1].Address, share, 100-share)))
				p.web(t)
				return p
			}
			p := daemon(80)
			front := runNginx(t, example, at, endpoints)
			const n = 500
			waitFor(t, "the split", func() bool { return math.Abs(through(t, front, n)-0.8) < 4*math.Sqrt(0.8*0.2/n) })
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			through(t, front, n)
			daemon(0)
			waitFor(t, "the rules that have come", func() bool { return through(t, front, 50) == 0 })
		})
	}
}

// runNginx runs an example, and returns where it listens.
func runNginx(t *testing.T, example, daemon string, endpoints []mesh.Endpoint) (front string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	for _, file := range []string{program, "/usr/lib/nginx/modules/ngx_http_lua_module.so", "/usr/share/lua/5.1/cjson/util.lua"} {
		if _, err := os.Stat(file); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing: apt-get install nginx libnginx-mod-http-lua lua-cjson", file)
			}
			t.Skipf("%s is missing", file)
		}
	}
	var free [2]string
	for i := range free {
		l := listener(t)
		free[i] = l.Addr().String()
		l.Close()
	}
	dir := t.TempDir()
	for _, name := range []string{"nginx.conf", "fairway.lua"} {
		source := filepath.Join("../../examples", example, name)
		if name == "nginx.conf" {
			source += ".tmpl"
		} else if example != "nginx-lua" {
			continue
		}
		text, err := template.ParseFiles(source)
		if err != nil {
			t.Fatal(err)
		}
		var made bytes.Buffer
		if err := text.Execute(&made, map[string]any{
			"Dir": dir, "Service": "web", "Front": free[0], "Admin": free[1], "Endpoints": endpoints, "Fairway": true, "HTTP": daemon,
		}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt) // the master ends its workers
		_ = command.Wait()
		if t.Failed() {
			t.Logf("nginx said:\n%s", &said)
		}
	})
	waitFor(t, "nginx", func() bool {
		conn, err := net.Dial("tcp", free[0])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return free[0]
}

// through sends n requests, none of which may fail, and returns a's share.
func through(t *testing.T, front string, n int) float64 {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	a := 0
	for range n {
		resp, err := client.Get("http://" + front + "/")
		if err != nil {
			t.Fatal(err)
		}
		name, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %q, %v", resp.Status, name, err)
		}
		if string(name) == "a" {
			a++
		}
	}
	return float64(a) / float64(n)
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}
