package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// haproxyConfig has two servers that answer, one that does not, and a backend
// with none; it logs to stdout.
const haproxyConfig = `
global
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  retries 1
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend in
  bind %[1]s
  use_backend nobody if { path /nobody }
  use_backend half if { path /half }
  default_backend shop
frontend own
  bind %[2]s
  log-format '{"request_date":"%%tr","backend_name":"%%b","server_name":"%%s","time_active":%%Ta,"status_code":%%ST,"termination_state":"%%tsc","retries":"%%rc","http_method":"%%HM","path":"%%HP"}'
  default_backend shop
backend shop
  balance roundrobin
  server s1 %[3]s
  server s2 %[4]s
backend half
  option redispatch 1
  server gone %[5]s
  server s1 %[3]s
backend nobody
  server off %[3]s disabled
frontend raw
  mode tcp
  option tcplog
  bind %[6]s
  default_backend raw
backend raw
  mode tcp
  server s1 %[3]s
`

// haproxyLog is what a real HAProxy logs of some requests: of its default
// format with a few lines that are none, and of JSON.
func haproxyLog(t *testing.T) (plain, own []string) {
	t.Helper()
	program := haproxyProgram(t)
	answer := func(after time.Duration) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(after)
			if r.URL.Path == "/fail" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	var free []string
	for range 4 {
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		free = append(free, address)
	}
	in, json, gone, raw := free[0], free[1], free[2], free[3]
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf(haproxyConfig, in, json, answer(time.Millisecond), answer(15*time.Millisecond), gone, raw)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	command := exec.Command(program, "-db", "-f", config)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = command.Process.Kill() // it has nothing to put in order
			_ = command.Wait()         // killed
		}
	}
	t.Cleanup(stop)
	eventually(t, "HAProxy listens", func() bool {
		c, err := net.Dial("tcp", raw)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	get := func(address, path string) {
		r, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
	}
	for i := range 60 { // not by turns: the servers take turns
		get(in, fmt.Sprintf("/x?n=%d", i))
	}
	for range 60 {
		get(json, "/y")
	}
	for _, path := range []string{"/fail", "/nobody", "/half", "/half"} {
		get(in, path)
	}
	get(raw, "/")
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "all is logged", func() bool {
		text := log.String()
		return strings.Count(text, "] in ") == 64 && strings.Count(text, `{"request_date"`) == 60 && strings.Contains(text, "] raw raw/s1")
	})
	stop()
	for line := range strings.Lines(log.String()) {
		if strings.HasPrefix(line, "{") {
			own = append(own, line)
		} else if strings.Contains(line, "] in ") || strings.Contains(line, "] raw ") {
			plain = append(plain, line)
		}
	}
	return plain, own
}

func haproxyProgram(t *testing.T) string {
	t.Helper()
	const debian = "/usr/sbin/haproxy" // not in every user's PATH
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	return tool(t, "haproxy")
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.String()
}

// repeated writes the lines again and again, their times moved on, until they
// are a log of so long a time.
func repeated(t *testing.T, lines []string, span time.Duration) string {
	t.Helper()
	const layout = "02/Jan/2006:15:04:05.000"
	dateOf := func(line string) (int, time.Time) {
		for i := range len(line) - len(layout) {
			if at, err := time.Parse(layout, line[i:i+len(layout)]); err == nil {
				return i, at
			}
		}
		t.Fatalf("no date in %q", line)
		return 0, time.Time{}
	}
	_, first := dateOf(lines[0])
	_, last := dateOf(lines[len(lines)-1])
	every := last.Sub(first) + 100*time.Millisecond
	var text strings.Builder
	for moved := time.Duration(0); moved < span; moved += every {
		for _, line := range lines {
			i, at := dateOf(line)
			text.WriteString(line[:i] + at.Add(moved).Format(layout) + line[i+len(layout):])
		}
	}
	path := filepath.Join(t.TempDir(), "haproxy.log")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImportRequests goes the whole way from what a real HAProxy logs to a
// replay.
func TestImportRequests(t *testing.T) {
	plain, own := haproxyLog(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "json")
	_, said, err := call(t, "import", "--requests", repeated(t, own, 0), "--out", out)
	if err == nil {
		t.Errorf("a log of no length became a recording:\n%s", said)
	}
	if _, said, err = call(t, "import", "--requests", repeated(t, own, time.Minute), "--out", out); err != nil || !strings.Contains(said, "haproxy-json") || !strings.Contains(said, " 0 bad, 0 late") {
		t.Errorf("%v\n%s", err, said)
	}
	log := repeated(t, plain, 10*time.Minute)
	out = filepath.Join(dir, "recording")
	_, said, err = call(t, "import", "--requests", log, "--out", out, "--deadline", "1s")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"haproxy: ", ": a TCP line", "and ", "more", "0 late", "at endpoints that the log does not name"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q is said:\n%s", want, said)
		}
	}
	shown := mustCall(t, "inspect", out)
	for _, want := range []string{"accesslog*", "shop", "0 of them with the probability", "computed from the access log alone"} {
		if !strings.Contains(shown, want) {
			t.Errorf("inspect does not say %q:\n%s", want, shown)
		}
	}
	model := filepath.Join(dir, "m")
	mustCall(t, "train", "--recording", out, "--out", model, "--epochs", "3", "--horizon", "30s")
	rows := readTable(t, mustCall(t, "predict", "--recording", out, "--model", model))
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r["service"]+"/"+r["endpoint"]] = true
	}
	if !seen["shop/s1"] || !seen["shop/s2"] || seen["nobody/<NOSRV>"] || seen["nobody/off"] {
		t.Errorf("predicted are %v", seen)
	}
	judged := mustCall(t, "replay", "--recording", out, "--model", model, "--policies", "round_robin,fairway")
	if !strings.Contains(judged, "shop") || !strings.Contains(judged, "fairway") {
		t.Errorf("the replay says\n%s", judged)
	}
}

func TestImportRequestsIsRefused(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "a.log")
	if err := os.WriteFile(log, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		want int
		says string
		args []string
	}{
		{2, "--out", []string{"--requests", log}},
		{2, "--schema", []string{"--requests", log, "--out", out, "--schema", "lab"}},
		{2, "haproxy", []string{"--requests", log, "--out", out, "--format", "apache"}},
		{2, "$upstream_addr", []string{"--requests", log, "--out", out, "--log-format", "$msec"}},
		{2, "Mars", []string{"--requests", log, "--out", out, "--time-zone", "Mars/Olympus"}},
		{2, "samples", []string{"--requests", log, "--out", out, "--scrape", "-5s"}},
		{2, "at least one CSV", nil},
		{1, "no format is recognised", []string{"--requests", log, "--out", out}},
		{1, "is a directory", []string{"--requests", dir, "--out", out}},
		{1, "no such file", []string{"--requests", log + "x", "--out", out}},
	} {
		_, _, err := call(t, append([]string{"import"}, c.args...)...)
		if exitStatus(err) != c.want || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%q: %v; want status %d and %q", c.args, err, c.want, c.says)
		}
	}
}
