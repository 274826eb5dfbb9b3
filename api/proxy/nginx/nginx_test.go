package nginx

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestLua: a real nginx splits its requests by the weights that its workers poll,
// keeps the last while fairwayd is gone, balances by itself when they have expired,
// and takes new ones when it is back.
func TestLua(t *testing.T) {
	f := newFleet(t, 0.6, 0.3, 0.1)
	at, stop := daemon(t, porttest.Address(t), New(f, nil))
	p := start(t, "nginx-lua", f, at)
	p.follow(t, "b2", 2)
	p.split(t, 0.6, 0.3, 0.1)

	stop()
	p.split(t, 0.6, 0.3, 0.1) // the last ones stay

	f.change(func() { f.weights, f.ttl = []float64{0, 1, 0}, 300*time.Millisecond })
	_, stop = daemon(t, at, New(f, nil))
	await(t, "the new weights", func() bool { return p.send(t, 50)["b2"] == 50 })

	stop()
	const expired = `fairway_nginx_fail_open_total{service="web",reason="expired"}`
	await(t, "nginx' own balancing", func() bool { // of the worker that asked last: the other may have older weights
		before := value(p.status(t), expired)
		got := p.send(t, 30)
		return value(p.status(t), expired) == before+30 && got["b1"] == 10 && got["b3"] == 10
	})

	f.change(func() { f.ttl = 15 * time.Second })
	daemon(t, at, New(f, nil))
	await(t, "the weights to return", func() bool { return p.send(t, 50)["b2"] == 50 })
	await(t, "the weights in the status", func() bool {
		return strings.Contains(p.status(t), `fairway_nginx_weight{service="web",endpoint="b2"} 1`)
	})
}

// TestLuaEndpointDies: what weights send to an endpoint that is gone goes to another.
func TestLuaEndpointDies(t *testing.T) {
	f := newFleet(t, 0.5, 0.3, 0.2)
	f.endpoints[0] = &fairwayv1.Endpoint{Name: "b1", Address: porttest.Address(t)}
	at, _ := daemon(t, "127.0.0.1:0", New(f, nil))
	p := start(t, "nginx-lua", f, at)
	p.follow(t, "b2", 2)
	if count := p.send(t, 200); count["b1"] > 0 || count["b2"] == 0 || count["b3"] == 0 {
		t.Errorf("got %v", count)
	}
}

// TestLuaWithout: nothing that fairwayd may answer keeps nginx from its work.
func TestLuaWithout(t *testing.T) {
	f := newFleet(t, 0.5, 0.5)
	f.change(func() { f.err = errRefused })
	at, _ := daemon(t, "127.0.0.1:0", New(f, nil))
	p := start(t, "nginx-lua", f, at)
	for _, test := range []struct {
		reason string
		change func()
	}{
		{"no_answer", func() {}},
		{"no_address", func() {
			f.err, f.endpoints = nil, []*fairwayv1.Endpoint{{Name: "b1", Address: "b1.example:80"}, f.endpoints[1]}
		}},
		{"no_endpoints", func() { f.weights = nil }},
		{"unknown_service", func() { f.endpoints = nil }},
	} {
		f.change(test.change)
		await(t, test.reason, func() bool {
			p.send(t, 10)
			return value(p.status(t), `fairway_nginx_fail_open_total{service="web",reason="`+test.reason+`"}`) > 0
		})
	}
}

// TestLuaNonsense: whatever answers at fairwayd's address, requests are served.
func TestLuaNonsense(t *testing.T) {
	f := newFleet(t, 0.5, 0.5)
	const head = "HTTP/1.1 200 OK\r\nX-Fairway-TTL: 15\r\nETag: \"1\"\r\n"
	sized := func(body string) string { return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body) }
	answers := []string{
		"", "SSH-2.0\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 999\r\n\r\n", head + "Content-Length: 9999\r\n\r\n{", strings.Repeat("X: y\r\n", 100),
		head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", head + "Content-Length: -5\r\n\r\n",
		sized(""), sized("{"), sized("[]"), sized("null"), sized(`{"endpoints": 5}`), sized(`{"endpoints": {}}`), sized(`{"endpoints": [5]}`), sized(`{"endpoints": [], "reason": 5}`),
		sized(`{"endpoints": [{"address": 5, "weight": 1}]}`), sized(`{"endpoints": [{"address": "127.0.0.1:1", "weight": -1}]}`), sized(`{"endpoints": [{"address": "127.0.0.1:1", "weight": 0}]}`),
		sized(`{"endpoints": [{"address": "127.0.0.1:1", "weight": 1e999}]}`), sized(`{"endpoints": [{"address": "127.0.0.1:99999", "weight": 1}]}`),
		sized(`{"endpoints": [{"address": "999.0.0.1:1", "weight": 1}]}`), sized(`{"endpoints": [{"address": "no:1", "weight": 1}]}`), sized(strings.Repeat("[", 5000)),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int64
	var open sync.WaitGroup
	t.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, answers[int(told.Add(1)-1)%len(answers)])
			conn.Close()
		}
	})
	p := start(t, "nginx-lua", f, l.Addr().String())
	await(t, "each of the answers", func() bool {
		if got := p.send(t, 10); got["b1"] == 0 || got["b2"] == 0 {
			t.Fatalf("nginx balances %v", got)
		}
		return told.Load() > int64(len(answers))
	})
}

// TestAuth: a real nginx sends each request where fairwayd says, and balances by
// itself while fairwayd is gone.
func TestAuth(t *testing.T) {
	f := newFleet(t, 0.6, 0.3, 0.1)
	at, stop := daemon(t, porttest.Address(t), New(f, nil))
	p := start(t, "nginx-auth", f, at)
	p.split(t, 0.6, 0.3, 0.1)
	r := f.asked[0]
	if got := r.Header.Get("X-Forwarded-Method") + " " + r.Header.Get("X-Forwarded-Uri"); got != "GET /a?b=c" {
		t.Errorf("it was asked about %q", got)
	}

	stop()
	p.split(t, 1./3, 1./3, 1./3)

	f.change(func() { f.weights = []float64{0, 1, 0} })
	daemon(t, at, New(f, nil))
	await(t, "the weights to return", func() bool { return p.send(t, 50)["b2"] == 50 })

	f.change(func() { f.err = errRefused })
	p.split(t, 1./3, 1./3, 1./3)
}

// TestAuthEndpointDies: a request that finds nobody where it is sent goes to another.
func TestAuthEndpointDies(t *testing.T) {
	f := newFleet(t, 1, 0, 0)
	at, _ := daemon(t, "127.0.0.1:0", New(f, nil))
	p := start(t, "nginx-auth", f, at)
	f.change(func() { f.endpoints[0] = &fairwayv1.Endpoint{Name: "b1", Address: porttest.Address(t)} })
	if count := p.send(t, 200); count["b1"] > 80 || count["b2"] == 0 || count["b3"] == 0 {
		t.Errorf("got %v", count)
	}
}

// follow waits until each worker has weights: until it shows those of an endpoint
// however often it is asked.
func (p proxied) follow(t *testing.T, endpoint string, workers int) {
	t.Helper()
	await(t, "weights in each worker", func() bool {
		if value(p.status(t), `fairway_nginx_polls_total{service="web"}`) < workers {
			return false
		}
		for range 20 {
			if !strings.Contains(p.status(t), `endpoint="`+endpoint+`"`) {
				return false
			}
		}
		return true
	})
}

// value reads one sample.
func value(text, sample string) int {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(sample) + ` (\d+)`).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}
