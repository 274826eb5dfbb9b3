package haproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
)

const engine = `
[fairway]
spoe-agent fairway
    messages fairway-decide fairway-done
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
spoe-message fairway-done
    args request=var(txn.fairway.request) status=status endpoint=srv_name
    event on-http-response if { var(txn.fairway.request) -m found }
`

// asking starts a HAProxy that asks the SPOE at the address for each request.
func asking(t *testing.T, address, patience string) (front, socket string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoe.cfg")
	if err := os.WriteFile(path, fmt.Appendf(nil, engine, patience), 0o600); err != nil {
		t.Fatal(err)
	}
	return listening(t, fmt.Sprintf(`
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
`, address))
}

// agentOf serves the table at the address (":0" for a free one) until stop.
func agentOf(t *testing.T, table *router.Table, address string) (s *SPOE, m *proxy.Metrics, at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	m = proxy.NewMetrics(nil)
	s, err = NewSPOE(table, m, prometheus.NewRegistry(), DefaultSPOEConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, m, l.Addr().String(), stop
}

// agentUp waits until HAProxy sees the agent so.
func agentUp(t *testing.T, socket, want string) {
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
	s, m, address, stop := agentOf(t, table, "127.0.0.1:0")
	front, socket := asking(t, address, "1s") // patient: the machine may be slow
	agentUp(t, socket, "UP")
	split(t, front, 0.6, 0.3, 0.1)
	publish(table, 0.1, 0.9, 0)
	split(t, front, 0.1, 0.9, 0)
	if n := testutil.ToFloat64(s.metrics.ends.WithLabelValues("ok")); n != 2000 {
		t.Errorf("%v ends were told; want 2000", n)
	}
	if n := inFlightOf(s); n != 0 {
		t.Errorf("%d are in flight after the last", n)
	}
	_ = m

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

// TestSPOESays looks at the variables.
func TestSPOESays(t *testing.T) {
	table := newTable(t)
	publish(table, 1, 0, 0)
	_, _, address, _ := agentOf(t, table, "127.0.0.1:0")
	front, socket := asking(t, address, "1s")
	agentUp(t, socket, "UP")
	answer, err := http.Get("http://" + front + "/x?y=z")
	if err != nil {
		t.Fatal(err)
	}
	name, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	t.Log(string(name), answer.Header)
}

var _ = time.Second
