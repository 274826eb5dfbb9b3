package caddy

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// fleet are endpoints that answer with their names.
func fleet(t testing.TB, n int) (list []mesh.Endpoint) {
	for i := range n {
		name := fmt.Sprint("b", i+1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		list = append(list, mesh.Endpoint{Name: name, Address: s.Listener.Addr().String()})
	}
	return list
}

// daemon serves a table with these weights over gRPC, until stop is called. Requests
// of jason go to b1.
func daemon(t testing.TB, address string, ttl time.Duration, endpoints []mesh.Endpoint, weights ...float64) (at string, stop func()) {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte("services: [{name: web, endpoints: [{name: b1, subset: first}], routes: [{name: jason, match: {headers: {end-user: jason}}, to: first}, {name: rest}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := router.DefaultConfig()
	cfg.TTL, cfg.FirstVersion = ttl, uint64(time.Now().UnixMilli())
	table := router.NewTable(set, cfg)
	if len(weights) > 0 {
		now := time.Now()
		d := &router.Decision{Service: "web", Time: now, Source: router.SourceModel, Endpoints: endpoints, Weights: weights, Ejected: make([]bool, len(weights))}
		for i := range weights {
			d.Ejected[i] = weights[i] == 0
		}
		table.Publish(d, &features.Frame{Window: mesh.Window{Service: "web", Time: now, End: now, Schema: &mesh.Schema{}, Endpoints: endpoints}})
	}
	server, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(api.ServerOptions()...)
	server.Register(g)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	stop = sync.OnceFunc(func() { server.Close(); g.Stop(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// run starts Caddy in this process, before the endpoints, and returns its address.
func run(t testing.TB, endpoints []mesh.Endpoint, policy, more string) (front string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front = l.Addr().String()
	l.Close()
	load(t, front, endpoints, policy, more)
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return front
}

func load(t testing.TB, front string, endpoints []mesh.Endpoint, policy, more string) {
	t.Helper()
	var to []string
	for _, e := range endpoints {
		to = append(to, e.Address)
	}
	host, port, _ := net.SplitHostPort(front)
	text := fmt.Sprintf(`
{
	admin off
	persist_config off
	auto_https off
	storage file_system %s
	metrics
	log {
		level ERROR
	}
}
http://:%s {
	bind %s
	handle /metrics {
		metrics
	}
	reverse_proxy %s {
		%s
		%s
	}
}
`, t.TempDir(), port, host, strings.Join(to, " "), policy, more)
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err, warnings)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
}

// send makes n requests, none of which may fail.
func send(t testing.TB, front string, n int, headers ...string) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	count := map[string]int{}
	for range n {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+front+"/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		name, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s %q %v", resp.Status, name, err)
		}
		count[string(name)]++
	}
	return count
}

func split(t testing.TB, front string, shares ...float64) {
	t.Helper()
	const n = 1000
	count := send(t, front, n)
	for i, share := range shares {
		name := fmt.Sprint("b", i+1)
		if sigma := math.Sqrt(n * share * (1 - share)); math.Abs(float64(count[name])-n*share) > 5*sigma {
			t.Errorf("%s got %d of %d requests; want %.0f ± %.0f", name, count[name], n, n*share, 5*sigma)
		}
	}
	t.Logf("asked %v, of %d: %v", shares, n, count)
}

// counted is one sample of Caddy's metrics.
func counted(t testing.TB, front, sample string) int {
	t.Helper()
	resp, err := http.Get("http://" + front + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(sample) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited a minute for %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

const (
	answers = `fairway_proxy_answers_total{adapter="caddy"}`
	open    = `fairway_proxy_fail_open_total{adapter="caddy",reason=`
)

func policy(target string, more ...string) string {
	return fmt.Sprintf("lb_policy fairway {\n target %s\n service web\n %s\n}", target, strings.Join(more, "\n"))
}

// TestCaddy: a real Caddy splits its requests by the daemon's weights, keeps them
// while it is gone, balances by itself when they have expired, and takes new ones when
// it is back.
func TestCaddy(t *testing.T) {
	endpoints := fleet(t, 3)
	at, stop := daemon(t, "127.0.0.1:0", 4*time.Second, endpoints, 0.6, 0.3, 0.1)
	front := run(t, endpoints, policy(at, "fallback round_robin"), "")
	await(t, "weights", func() bool { send(t, front, 1); return counted(t, front, answers) > 0 })
	split(t, front, 0.6, 0.3, 0.1)
	if got := send(t, front, 50, "End-User", "jason"); got["b1"] != 50 {
		t.Errorf("jason's requests went to %v", got)
	}

	stop()
	split(t, front, 0.6, 0.3, 0.1) // the last ones stay
	await(t, "Caddy's own balancing", func() bool { send(t, front, 3); return counted(t, front, open+`"expired"}`) > 0 })
	split(t, front, 1./3, 1./3, 1./3)

	daemon(t, at, time.Minute, endpoints, 0, 1, 0)
	await(t, "the weights to return", func() bool { return send(t, front, 50)["b2"] == 50 })

	load(t, front, endpoints, policy(at), "header_up X-Reloaded yes") // and none are lost by a reload
	if got := send(t, front, 50); got["b2"] != 50 {
		t.Errorf("after a reload: %v", got)
	}
	if n := counted(t, front, open+`"no_answer"}`); n > 0 {
		t.Errorf("%d requests had no weights after a reload", n)
	}
}

// TestUnavailable: what the weights send to an upstream that is down or not there goes
// to others by their weights, and it is told when none is left.
func TestUnavailable(t *testing.T) {
	endpoints := fleet(t, 3)
	gone := httptest.NewServer(nil)
	endpoints[0].Address = gone.Listener.Addr().String()
	gone.Close()
	at, _ := daemon(t, "127.0.0.1:0", time.Minute, endpoints, 0.5, 0.4, 0.1)
	front := run(t, endpoints, policy(at), "lb_try_duration 2s\nfail_duration 1m\n")
	await(t, "weights", func() bool { send(t, front, 1); return counted(t, front, answers) > 0 })
	got := send(t, front, 1000)
	if want := 800.; got["b1"] > 0 || math.Abs(float64(got["b2"])-want) > 4*math.Sqrt(want*0.2)+5 {
		t.Errorf("got %v; want b2 four times as often as b3", got)
	}
	load(t, front, endpoints[2:], policy(at), "unhealthy_request_count 9")
	if got := send(t, front, 200); got["b3"] != 200 {
		t.Errorf("got %v", got)
	}
	if counted(t, front, open+`"unknown_endpoint"}`) == 0 {
		t.Error("nothing counts that the endpoints are not among the upstreams")
	}
}

// TestWithout: Caddy serves where there is no daemon, or one that knows nothing.
func TestWithout(t *testing.T) {
	endpoints := fleet(t, 2)
	l := httptest.NewServer(nil)
	at := l.Listener.Addr().String()
	l.Close()
	front := run(t, endpoints, policy(at, "fallback least_conn"), "")
	if got := send(t, front, 100); got["b1"] == 0 || got["b2"] == 0 {
		t.Errorf("without a daemon: %v", got)
	}
	if n := counted(t, front, open+`"no_answer"}`); n != 100 {
		t.Errorf("%d of 100 are counted", n)
	}
}

func TestCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"fairway web": "web [] ",
		"fairway {\n service web\n target a:1 b:2\n target c:3\n session_key {cookie.id}\n identity /etc/fairway\n fallback header X-User {\n fallback first\n }\n}": "web [a:1 b:2 c:3] {cookie.id}",
		"fairway web more":                                     "!",
		"fairway web {\n service web\n}":                       "!stands twice",
		"fairway {\n target\n}":                                "!",
		"fairway {\n service\n}":                               "!",
		"fairway {\n service a b\n}":                           "!",
		"fairway {\n fallback\n}":                              "!",
		"fairway {\n fallback nonesuch\n}":                     "!nonesuch",
		"fairway {\n fallback random\n fallback least_conn\n}": "!stands twice",
		"fairway {\n servce web\n}":                            `!unrecognized option "servce"`,
	} {
		var p Policy
		err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if refused, is := strings.CutPrefix(want, "!"); is {
			if err == nil || !strings.Contains(err.Error(), refused) {
				t.Errorf("%q: %v; want %q", text, err, refused)
			}
			continue
		}
		if got := fmt.Sprint(p.Service, " ", p.Targets, " ", p.SessionKey); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	if err := (&Policy{}).Validate(); err == nil {
		t.Error("no service is not refused")
	}
}

// TestSession keeps requests with one key at one endpoint.
func TestSession(t *testing.T) {
	endpoints := fleet(t, 3)
	at, _ := daemon(t, "127.0.0.1:0", time.Minute, endpoints, 0.4, 0.3, 0.3)
	front := run(t, endpoints, policy(at, "session_key {http.request.header.X-User}"), "")
	await(t, "weights", func() bool { send(t, front, 1); return counted(t, front, answers) > 0 })
	reached := map[string]bool{}
	for user := range 20 {
		got := send(t, front, 10, "X-User", fmt.Sprint("user", user))
		if len(got) != 1 {
			t.Errorf("one user's requests went to %v", got)
		}
		for name := range got {
			reached[name] = true
		}
	}
	if len(reached) < 2 {
		t.Errorf("20 users all reached %v", reached)
	}
}

// BenchmarkSelect is what a pick adds to a request, beside Caddy's random.
func BenchmarkSelect(b *testing.B) {
	endpoints := fleet(b, 3)
	at, _ := daemon(b, "127.0.0.1:0", time.Minute, endpoints, 0.6, 0.3, 0.1)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: b.Context()})
	defer cancel()
	p := &Policy{Targets: []string{at}, Service: "web"}
	if err := p.Provision(ctx); err != nil {
		b.Fatal(err)
	}
	defer p.Cleanup()
	var pool reverseproxy.UpstreamPool
	for _, e := range endpoints {
		pool = append(pool, &reverseproxy.Upstream{Host: new(reverseproxy.Host), Dial: e.Address})
	}
	r := httptest.NewRequest("GET", "/a?b=c", nil)
	r.Header = http.Header{"User-Agent": {"x"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Cookie": {"a=b"}}
	await(b, "weights", func() bool { return p.feed.client.Pick("web", nil).Endpoint != nil })
	for name, s := range map[string]reverseproxy.Selector{"fairway": p, "random": reverseproxy.RandomSelection{}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s.Select(pool, r, nil) == nil {
					b.Fatal("nothing is picked")
				}
			}
		})
	}
}
