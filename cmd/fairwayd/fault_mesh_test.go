package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// The fault tests run the real daemon on a real Prometheus, which scrapes real
// endpoints that an asker sends requests to where the daemon says.

// brisk is tiny with short steps, so that the tests are.
var brisk = strings.NewReplacer("name: tiny", "name: brisk", "step: 1s", "step: 500ms", "range: 3s", "range: 1500ms").Replace(tiny)

// briskScrape is how often the Prometheus of the fault tests scrapes.
const briskScrape = 250 * time.Millisecond

// endpoint is a real one: it answers requests after a while, and says at /metrics
// how many there were and how long they took.
type endpoint struct {
	name, address string
	wait          time.Duration
	requests      atomic.Int64
	nanoseconds   atomic.Int64
	open          atomic.Int64
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		fmt.Fprintf(w, "tiny_seconds_count %d\ntiny_seconds_sum %g\ntiny_busy %d\n", e.requests.Load(), float64(e.nanoseconds.Load())/1e9, e.open.Load())
		return
	}
	began := time.Now()
	e.open.Add(1)
	select {
	case <-time.After(e.wait):
	case <-r.Context().Done():
	}
	e.open.Add(-1)
	e.nanoseconds.Add(int64(time.Since(began)))
	e.requests.Add(1)
}

// lab is a service with three endpoints, and the Prometheus that watches them.
type lab struct {
	endpoints []*endpoint
	url       string // of Prometheus
	rules     string // a file
	start     func() // Prometheus, again, with what it had
	kill      func() // Prometheus
	signal    func(os.Signal)
}

const meshRules = `
version: "%s"
services:
  - name: shop
    endpoints: [{name: a, subset: v1, address: %q}, {name: b, subset: v1, address: %q}, {name: c, subset: v2, address: %q}]
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}
`

// rulesOf are the mesh's, called by a version.
func (m *lab) rulesOf(version string) string {
	return fmt.Sprintf(meshRules, version, m.endpoints[0].address, m.endpoints[1].address, m.endpoints[2].address)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	program := lookFor(t, "prometheus")
	m := &lab{}
	config := fmt.Sprintf("global: {scrape_interval: %v, scrape_timeout: %[1]v}\nscrape_configs:\n  - job_name: shop\n    static_configs:\n", briskScrape)
	for name, wait := range map[string]time.Duration{"a": time.Millisecond, "b": 4 * time.Millisecond, "c": 2 * time.Millisecond} {
		e := &endpoint{name: name, wait: wait}
		s := httptest.NewServer(e)
		t.Cleanup(s.Close)
		e.address = s.Listener.Addr().String()
		m.endpoints = append(m.endpoints, e)
		config += fmt.Sprintf("      - {targets: [%q], labels: {service: shop, endpoint: %s}}\n", e.address, name)
	}
	for i := range m.endpoints { // in the order of their names
		for m.endpoints[i].name != string(rune('a'+i)) {
			j := int(m.endpoints[i].name[0] - 'a')
			m.endpoints[i], m.endpoints[j] = m.endpoints[j], m.endpoints[i]
		}
	}
	m.rules = write(t, "rules.yaml", m.rulesOf("7"))
	address, file, data := porttest.Address(t), write(t, "prometheus.yml", config), t.TempDir()
	m.url = "http://" + address
	var running *exec.Cmd
	said := &log{}
	m.start = func() {
		running = exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+data, "--web.listen-address="+address, "--log.level=error")
		running.Stdout, running.Stderr = said, said
		running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := running.Start(); err != nil {
			t.Error(err)
			running = nil
			return
		}
	}
	m.kill = func() {
		if running != nil {
			_ = running.Process.Kill()
			_ = running.Wait() // says "signal: killed"
			running = nil
		}
	}
	m.signal = func(s os.Signal) {
		if running != nil {
			_ = running.Process.Signal(s)
		}
	}
	m.start()
	t.Cleanup(func() {
		m.kill()
		if t.Failed() && said.String() != "" {
			t.Logf("prometheus said:\n%s", said)
		}
	})
	eventually(t, "Prometheus is ready", func() bool {
		answer, err := http.Get(m.url + "/-/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return m
}

// lookFor finds one of the real programs that the tests use.
func lookFor(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// eventually polls until a condition holds. How long is the test's own limit, not
// a promise of the program.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after a minute: %s", what)
		}
	}
}

// child is the daemon as a process of its own, which is this test's program told
// to be the daemon: see TestMain.
type child struct {
	api, admin string
	program    string // else this one, told to be the daemon
	args       []string
	cmd        *exec.Cmd
	log        *log
	done       chan error
}

// beDaemon is the variable that makes a daemon of the test's program.
const beDaemon = "FAIRWAYD_TEST_IS_DAEMON"

// startChild starts the daemon and waits until it listens.
func startChild(t testing.TB, api, admin string, args ...string) *child {
	t.Helper()
	c := &child{log: &log{}, args: append([]string{"--listen", api, "--admin", admin}, args...)}
	c.run(t)
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			text := []byte(c.log.String())
			t.Logf("the daemon said:\n%s", text[max(0, len(text)-20000):])
		}
	})
	return c
}

// run starts the daemon, again if it was killed.
func (c *child) run(t testing.TB) {
	t.Helper()
	c.cmd = exec.Command(cmp.Or(c.program, os.Args[0]), c.args...)
	c.cmd.Env = append(os.Environ(), beDaemon+"=1")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout := &lines{got: make(chan string, 16)}
	c.cmd.Stdout, c.cmd.Stderr = stdout, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(c.cmd, c.done)
	c.api, c.admin = "", ""
	for c.api == "" || c.admin == "" {
		select {
		case line := <-stdout.got:
			switch what, address, _ := strings.Cut(line, " "); what {
			case "api":
				c.api = address
			case "admin":
				c.admin = address
			}
		case err := <-c.done:
			c.done <- err
			t.Fatalf("the daemon ended with %v; it said:\n%s", err, c.log)
		case <-time.After(time.Minute):
			t.Fatalf("the daemon does not listen after a minute; it said:\n%s", c.log)
		}
	}
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	err := <-c.done
	c.done <- err
}

// end asks the daemon to end, and returns how it did.
func (c *child) end() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	err := <-c.done
	c.done <- err
	return err
}

// lines sends whole lines to a channel, and drops them when nobody takes them.
type lines struct {
	got  chan string
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte{'\n'})
		if !ok {
			return len(p), nil
		}
		select {
		case l.got <- string(line):
		default:
		}
		l.rest = rest
	}
}
