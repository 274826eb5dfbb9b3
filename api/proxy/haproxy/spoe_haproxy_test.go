package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router"
)

const engine = `
[fairway]
spoe-agent fairway
    messages fairway-decide
    option var-prefix fairway
    option set-on-error error
    no option async
    no option send-frag-payload
    timeout hello 100ms
    timeout idle 30s
    timeout processing %s
    use-backend fairway
spoe-message fairway-decide
    args service=str(web) method=method path=path query=query host=req.hdr(host) header.x-user=req.hdr(x-user) session=req.cook(sid) tracked=bool(true)
    event on-backend-http-request
`

// asking starts a HAProxy that asks the SPOE at the address for each request.
func asking(t testing.TB, address, patience string, addresses ...string) (front, socket string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoe.cfg")
	if err := os.WriteFile(path, fmt.Appendf(nil, engine, patience), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := fmt.Sprintf(`    log %s len 1024 format raw local0
    log-format "%%HM %%HP fairway-done %%[var(txn.fairway.request)] %%ST %%s"
`, address)
	return listening(t, logs, fmt.Sprintf(`
    balance roundrobin
    filter spoe engine fairway config %s
    use-server %%[var(txn.fairway.endpoint)] if { var(txn.fairway.endpoint) -m found }
    http-response set-header x-route %%[var(txn.fairway.route)]
    http-response set-header x-error %%[var(txn.fairway.error)]
    http-response set-header x-reason %%[var(txn.fairway.reason)]
    http-response set-header x-propensity %%[var(txn.fairway.propensity)]
`, path), "", fmt.Sprintf(`
backend fairway
    mode tcp
    option spop-check
    timeout server 1m
    server agent %s check inter 100ms fall 1 rise 1
`, address), addresses...)
}

// agentOf serves the table at the address (":0" for a free one) until stop.
func agentOf(t testing.TB, table *router.Table, address string) (s *SPOE, reg *prometheus.Registry, at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	reg = prometheus.NewRegistry()
	s, err = NewSPOE(table, proxy.NewMetrics(reg), reg, DefaultSPOEConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ends, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() { done <- s.Serve(ctx, l) }()
	go func() { done <- s.ServeEnds(ctx, ends) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, reg, l.Addr().String(), stop
}

// agentUp waits until HAProxy sees the agent so.
func agentUp(t testing.TB, socket, want string) {
	t.Helper()
	status := func() string { return statOf(t, socket, "fairway", "status") }
	poll(t, func() bool { return status() == want }, func() string {
		return fmt.Sprintf("the agent is %q; want %q", status(), want)
	})
}

// TestSPOE is a choice per request: what the table says is where a real HAProxy sends
// its requests; without the agent it balances by itself, and no request fails.
func TestSPOE(t *testing.T) {
	table := newTable(t)
	publish(table, 0.6, 0.3, 0.1)
	s, reg, address, stop := agentOf(t, table, porttest.Address(t))
	front, socket := asking(t, address, "1s") // patient: the machine may be slow
	agentUp(t, socket, "UP")
	split(t, front, 0.6, 0.3, 0.1)
	publish(table, 0.1, 0.9, 0)
	split(t, front, 0.1, 0.9, 0)
	ends := func() float64 { return counted(t, reg, "fairway_haproxy_ends_total", "ok") }
	poll(t, func() bool { return ends() == 2000 && inFlightOf(s) == 0 }, func() string {
		return fmt.Sprintf("%v ends were told, and %d are in flight; want 2000 and none", ends(), inFlightOf(s))
	})

	stop() // and then HAProxy's own round robin
	agentUp(t, socket, "DOWN")
	split(t, front, 1./3, 1./3, 1./3)

	_, _, _, _ = agentOf(t, table, address)
	agentUp(t, socket, "UP")
	split(t, front, 0.1, 0.9, 0)
}

func inFlightOf(s *SPOE) (n int64) {
	s.flights.fleets.Range(func(_, of any) bool {
		for _, e := range of.(*fleet).endpoints {
			n += e.inFlight.Load()
		}
		return true
	})
	return n
}

// TestSPOESays looks at the variables that a question sets, by a rule of a header.
func TestSPOESays(t *testing.T) {
	_, reg, address, _ := agentOf(t, ruledTable(t), "127.0.0.1:0")
	front, socket := asking(t, address, "1s")
	agentUp(t, socket, "UP")
	request, err := http.NewRequest(http.MethodGet, "http://"+front+"/x?y=z", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-User", "jason")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	name, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	h := answer.Header
	if got := fmt.Sprint(string(name), h["X-Route"], h["X-Propensity"], h["X-Error"]); got != "b3[jason] [1] []" || err != nil {
		t.Errorf("got %s, %v; want b3 by the rule of the header", got, err)
	}
	if n := counted(t, reg, "fairway_proxy_answers_total", "haproxy-spoe"); n != 1 {
		t.Errorf("%v answers are counted; want 1", n)
	}
}

// TestSPOEEnds: the end of a request that HAProxy answers itself is told, too.
func TestSPOEEnds(t *testing.T) {
	table := newTable(t)
	publish(table, 1, 0, 0)
	s, reg, address, _ := agentOf(t, table, "127.0.0.1:0")
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hanging.Close()
	front, socket := asking(t, address, "1s", hanging.Addr().String())
	agentUp(t, socket, "UP")
	answer, err := http.Get("http://" + front + "/")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if answer.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%s; want a 504", answer.Status)
	}
	poll(t, func() bool { return counted(t, reg, "fairway_haproxy_ends_total", "failed") == 1 && inFlightOf(s) == 0 }, func() string {
		return fmt.Sprintf("%d are in flight after the end", inFlightOf(s))
	})
}

// TestSPOELost: a request whose end nobody tells counts as in flight until it is taken
// for lost.
func TestSPOELost(t *testing.T) {
	table := newTable(t)
	publish(table, 1, 0, 0)
	s, _, _, _ := agentOf(t, table, "127.0.0.1:0")
	service := s.flights.fleet(table.Load("web"))
	_, to := s.choose(service.routes, service, &mesh.Request{Service: "web"}, time.Now())
	s.flights.begin(service, to, time.Now())
	s.flights.sweep(time.Now().Add(time.Hour), table)
	if n, lost := inFlightOf(s), s.flights.lost.Load(); n != 0 || lost != 1 {
		t.Errorf("%d in flight and %d lost after the sweep; want 0 and 1", n, lost)
	}
}

// TestSPOEGoesUnderLoad: no request fails while the agent is killed, comes again, is
// silent, or answers with nonsense.
func TestSPOEGoesUnderLoad(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.5, 0)
	_, _, address, stop := agentOf(t, table, porttest.Address(t))
	front, socket := asking(t, address, "20ms")
	agentUp(t, socket, "UP")
	served := load(t, front)
	served(t, 100)
	stop()
	served(t, 100)
	agentUp(t, socket, "DOWN")
	served(t, 100)
	for _, say := range []string{"", "\x00\x00\x00\x02hi", "HTTP/1.1 400 Bad Request\r\n\r\n"} { // "": silent
		stop = saying(t, address, say)
		served(t, 50)
		stop()
	}
	_, reg, _, _ := agentOf(t, table, address)
	poll(t, func() bool { return counted(t, reg, "fairway_proxy_answers_total", "haproxy-spoe") > 100 }, func() string {
		return "HAProxy does not ask again"
	})
}

// load asks without end. served waits for so many more answers; one that is not a 200
// is an error.
func load(t *testing.T, front string) (served func(*testing.T, int64)) {
	t.Helper()
	var count atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 15 * time.Second} // HAProxy answers by itself after half a second
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				answer, err := client.Get("http://" + front + "/")
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK || err != nil {
					t.Errorf("%s, %v", answer.Status, err)
				}
				count.Add(1)
			}
		})
	}
	t.Cleanup(func() { cancel(); asking.Wait() })
	return func(t *testing.T, n int64) {
		t.Helper()
		from := count.Load()
		poll(t, func() bool { return count.Load() >= from+n || t.Failed() }, func() string { return "the requests stand still" })
	}
}

// saying listens at the address, says the same to everybody, and nothing more.
func saying(t *testing.T, address, text string) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	open.Go(func() {
		_ = accept(ctx, l, "nonsense", func(conn net.Conn) {
			open.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				_, _ = io.WriteString(conn, text)
				_, _ = io.Copy(io.Discard, conn)
			})
		})
	})
	return func() { cancel(); open.Wait() }
}

// counted is the value of a metric with such a label.
func counted(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if f.GetName() == name && l.GetValue() == label {
					return m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return 0
}
