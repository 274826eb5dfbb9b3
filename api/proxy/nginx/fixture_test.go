package nginx

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
	"sync"
	"testing"
	"text/template"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet answers as the decision API does, by weights that a test sets.
type fleet struct {
	mu        sync.Mutex
	endpoints []*fairwayv1.Endpoint
	weights   []float64
	version   uint64
	ttl       time.Duration
	asked     []*http.Request
	turn      float64
	err       error
}

// change makes an edition.
func (f *fleet) change(by func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by()
	f.version++
}

func (f *fleet) Weights(_ *http.Request, services ...string) ([]*fairwayv1.ServiceWeights, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	out := &fairwayv1.ServiceWeights{Service: services[0], TableVersion: f.version, Ttl: durationpb.New(f.ttl), Source: fairwayv1.Decision_MODEL}
	if services[0] != "web" || len(f.endpoints) == 0 {
		return []*fairwayv1.ServiceWeights{out}, nil
	}
	out.Endpoints = f.endpoints
	rest := &fairwayv1.RouteWeights{Name: "default", MatchesAll: true, Met: true}
	first := &fairwayv1.RouteWeights{Name: "jason", Met: true, Match: []*fairwayv1.Condition{{Of: "header", Name: "end-user", Value: "jason"}}}
	for i, w := range f.weights {
		rest.Weights = append(rest.Weights, &fairwayv1.EndpointWeight{Endpoint: f.endpoints[i].Name, Weight: w})
	}
	first.Weights = append(first.Weights, &fairwayv1.EndpointWeight{Endpoint: f.endpoints[0].Name, Weight: 1})
	out.Routes = []*fairwayv1.RouteWeights{first, rest}
	return []*fairwayv1.ServiceWeights{out}, nil
}

// Decide goes through the weights in the golden ratio, which is as even as a
// sequence can be and has no period.
func (f *fleet) Decide(r *http.Request) (*fairwayv1.Decision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	if f.err != nil {
		return nil, f.err
	}
	d := &fairwayv1.Decision{Service: r.URL.Query().Get("service"), Route: "default", Timeout: durationpb.New(1500 * time.Millisecond)}
	if d.Service != "web" {
		return d, nil
	}
	f.turn = math.Mod(f.turn+math.Phi, 1)
	at := f.turn
	for i, w := range f.weights {
		if at -= w; at < 0 {
			d.Endpoint = f.endpoints[i]
			return d, nil
		}
	}
	return d, nil
}

var errRefused = status.Error(codes.PermissionDenied, "you may not")

// mux is where fairwayd mounts the handler.
func mux(h *Handler) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /proxy/nginx/weights", h.Weights)
	m.HandleFunc("/proxy/nginx/auth", h.Auth)
	return m
}

// daemon serves the handler at an address, until stop is called.
func daemon(t testing.TB, address string, h *Handler) (at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: mux(h)}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	stop = sync.OnceFunc(func() { s.Close(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// newFleet has endpoints that answer with their names.
func newFleet(t testing.TB, weights ...float64) *fleet {
	f := &fleet{ttl: 15 * time.Second, version: 1, weights: weights}
	for i := range weights {
		name := fmt.Sprint("b", i+1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		f.endpoints = append(f.endpoints, &fairwayv1.Endpoint{Name: name, Address: s.Listener.Addr().String()})
	}
	return f
}

// proxied is an nginx that runs an example.
type proxied struct{ front, admin string }

// start runs an example before the fleet; without a fairwayd, as it is before fairway.
func start(t testing.TB, example string, f *fleet, fairwayd string) proxied {
	t.Helper()
	program := installed(t, example)
	examples, err := filepath.Abs("../../../examples")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) { // workers are another user's
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := proxied{porttest.Address(t), porttest.Address(t)}
	text, err := template.ParseFiles(filepath.Join(examples, example, "nginx.conf.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var conf bytes.Buffer
	if err := text.Option("missingkey=error").Execute(&conf, map[string]any{
		"Dir": dir, "Service": "web", "Front": p.front, "Admin": p.admin, "Endpoints": f.endpoints, "Fairway": fairwayd != "", "HTTP": fairwayd,
	}); err != nil {
		t.Fatal(err)
	}
	patient := bytes.ReplaceAll(conf.Bytes(), []byte("_timeout 20ms"), []byte("_timeout 1s")) // the machine may be slow
	write(t, filepath.Join(dir, "nginx.conf"), patient)
	if lua, err := os.ReadFile(filepath.Join(examples, example, "fairway.lua")); err == nil {
		write(t, filepath.Join(dir, "fairway.lua"), lua)
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
	await(t, "nginx to listen", func() bool {
		resp, err := http.Get("http://" + p.admin + "/nginx_status")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return p
}

// installed finds nginx and what the example needs of it.
func installed(t testing.TB, example string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	needs := []string{program}
	if example == "nginx-lua" {
		needs = append(needs, "/usr/lib/nginx/modules/ngx_http_lua_module.so", "/usr/share/lua/5.1/cjson/util.lua")
	}
	for _, file := range needs {
		if _, err := os.Stat(file); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing: apt-get install nginx libnginx-mod-http-lua lua-cjson", file)
			}
			t.Skipf("%s is missing", file)
		}
	}
	return program
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

// send makes n requests, none of which may fail, and tells how many each
// endpoint answered.
func (p proxied) send(t testing.TB, n int) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	count := map[string]int{}
	for range n {
		resp, err := client.Get("http://" + p.front + "/a?b=c")
		if err != nil {
			t.Fatal(err)
		}
		name, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %q, %v", resp.Status, name, err)
		}
		count[string(name)]++
	}
	return count
}

// split compares where requests go with the shares, within five standard
// deviations of independent draws.
func (p proxied) split(t *testing.T, shares ...float64) {
	t.Helper()
	const n = 1000
	count := p.send(t, n)
	for i, share := range shares {
		name := fmt.Sprint("b", i+1)
		if sigma := math.Sqrt(n * share * (1 - share)); math.Abs(float64(count[name])-n*share) > 5*sigma {
			t.Errorf("%s got %d of %d requests; want %.0f ± %.0f", name, count[name], n, n*share, 5*sigma)
		}
	}
	t.Logf("asked %v, of %d: %v", shares, n, count)
}

// status is what /fairway_status says.
func (p proxied) status(t testing.TB) string {
	t.Helper()
	resp, err := http.Get("http://" + p.admin + "/fairway_status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
