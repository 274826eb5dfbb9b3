package haproxy

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestHAProxy is a weight at a proxy: what the table says is how a real
// HAProxy splits its requests, also when the agent is gone.
func TestHAProxy(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.185, 0.315)
	agent, stop := start(t, table)
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	front, socket := checked(t, agent)

	await(t, socket, "100 37 63")
	split(t, front, 0.5, 0.185, 0.315)

	publish(table, 0.1, 0.9, 0) // the third is ejected
	await(t, socket, "11 100 0")
	split(t, front, 0.1, 0.9, 0)

	stop()
	stopped = true
	connections(t, socket) // another round of checks, which find nobody
	if got := weights(t, socket); got != "11 100 0" {
		t.Errorf("without the agent the weights are %s; want the last ones", got)
	}
	split(t, front, 0.1, 0.9, 0)
}

// checked starts a HAProxy that asks the agent for the weights of three servers, and
// returns its front and its command socket.
func checked(t *testing.T, agent string) (front, socket string) {
	t.Helper()
	host, port, err := net.SplitHostPort(agent)
	if err != nil {
		t.Fatal(err)
	}
	return listening(t, "", fmt.Sprintf(`
    balance random(1)
    http-reuse never
    default-server weight 100 check inter 1s agent-check agent-addr %s agent-port %s agent-inter 100ms
`, host, port), ` agent-send "web/%s\n"`, "")
}

// listening starts a HAProxy with a service web of three servers, of which each gets
// more, with its name; those without an address are started. It returns its front and its command socket.
func listening(t testing.TB, logs, settings, more, sections string, addresses ...string) (front, socket string) {
	t.Helper()
	front = porttest.Address(t)
	servers := ""
	for i, name := range []string{"b1", "b2", "b3"} {
		if len(addresses) <= i {
			addresses = append(addresses, endpointOf(t, name))
		}
		servers += fmt.Sprintf("    server %s %s", name, addresses[i]) + strings.ReplaceAll(more, "%s", name) + "\n"
	}
	socket, _ = run(t, t.TempDir(), fmt.Sprintf("frontend in\n    bind %s\n    default_backend web\n%sbackend web\n%s%s%s", front, logs, settings, servers, sections))
	return front, socket
}

// run starts HAProxy with the sections in a directory of its own, in which its command
// socket is s, and waits until that answers. stop kills it.
func run(t testing.TB, dir, sections string) (socket string, stop func()) {
	t.Helper()
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
	socket = filepath.Join(dir, "s")
	config := fmt.Sprintf(`
global
    stats socket %s level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 500ms
%s`, socket, sections)
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "-db", "-f", path)
	said := &bytes.Buffer{}
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		_ = command.Wait() // killed
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("haproxy said:\n%s", said)
		}
	})
	poll(t, func() bool { return weights(t, socket) != "" }, func() string { return "HAProxy does not answer at its socket" })
	return socket, stop
}

// endpointOf starts one that answers with its name.
func endpointOf(t testing.TB, name string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// stat asks HAProxy for one column of its servers' statistics; "" while it
// does not answer.
func stat(t testing.TB, socket, column string) string { return statOf(t, socket, "web", column) }

func statOf(t testing.TB, socket, backend, column string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return ""
	}
	defer conn.Close()
	fmt.Fprintf(conn, "show stat %s 4 -1\n", backend) // 4: servers
	text, err := io.ReadAll(conn)
	if err != nil {
		return ""
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(string(text)), "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return ""
	}
	var values []string
	for i, name := range rows[0] {
		for _, row := range rows[1:] {
			if name == column {
				values = append(values, row[i])
			}
		}
	}
	return strings.Join(values, " ")
}

func weights(t testing.TB, socket string) string { return stat(t, socket, "weight") }

// await waits until HAProxy has the weights.
func await(t testing.TB, socket, want string) {
	t.Helper()
	poll(t, func() bool { return weights(t, socket) == want }, func() string {
		return fmt.Sprintf("weights are %q; want %q", weights(t, socket), want)
	})
}

// connections waits until every agent check has failed.
func connections(t *testing.T, socket string) {
	t.Helper()
	poll(t, func() bool { return stat(t, socket, "agent_status") == "L4CON L4CON L4CON" }, func() string {
		return fmt.Sprintf("agent checks are %q; want them failed", stat(t, socket, "agent_status"))
	})
}

func poll(t testing.TB, done func() bool, what func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal(what())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// split sends requests and compares where they went with the shares.
func split(t *testing.T, front string, shares ...float64) {
	t.Helper()
	const n = 1000
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	count := map[string]float64{}
	for range n {
		answer, err := client.Get("http://" + front + "/")
		if err != nil {
			t.Fatal(err)
		}
		name, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %q, %v", answer.Status, name, err)
		}
		count[string(name)]++
	}
	for i, p := range shares {
		got := count[fmt.Sprint("b", i+1)]
		if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(got-n*p) > 5*sigma {
			t.Errorf("b%d got %.0f of %d requests; want %.0f ± %.0f (five sigma of a fair draw)", i+1, got, n, n*p, 5*sigma)
		}
	}
	t.Logf("asked %v, of %d: %v", shares, n, count)
}
