package traefik

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

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestTraefik: a real Traefik splits its requests by the weights of the document,
// finds the routes as the rules do, keeps the last document while fairwayd is gone,
// and takes new ones when it is back. It takes some seconds: Traefik asks again
// later and later.
func TestTraefik(t *testing.T) {
	program := os.Getenv("FAIRWAY_TRAEFIK")
	if program == "" {
		t.Skip("FAIRWAY_TRAEFIK does not name a Traefik; examples/traefik/build.sh builds one")
	}
	web := &fairwayv1.ServiceWeights{Service: "web", Routes: []*fairwayv1.RouteWeights{
		{Name: "jason", Met: true, Match: []*fairwayv1.Condition{{Of: "header", Name: "end-user", Op: "exact", Value: "jason"}, {Of: "path", Op: "path_prefix", Value: "/a"}}, Weights: weights(0, 0, 1)},
		{Name: "nowhere", Met: true, Match: []*fairwayv1.Condition{{Of: "header", Name: "end-user", Op: "exact", Value: "nobody"}}, Weights: weights(0, 0, 0)},
		{Name: "default", Met: true, MatchesAll: true, Weights: weights(0.6, 0.3, 0.1)},
	}}
	for _, name := range []string{"a", "b", "c"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		web.Endpoints = append(web.Endpoints, &fairwayv1.Endpoint{Name: name, Address: s.Listener.Addr().String()})
	}
	api := &tables{all: []*fairwayv1.ServiceWeights{web}}
	at, stop := daemon(t, porttest.Address(t), New(api, nil))
	front := start(t, program, at)
	await(t, "the document", func() bool { code, _ := send(t, front, "/", ""); return code == 200 })

	split(t, front, 0.6, 0.3, 0.1)
	for path, want := range map[string]bool{"/a": true, "/a/b": true, "/ab": false} {
		only := true
		for range 20 {
			_, name := send(t, front, path, "jason")
			only = only && name == "c"
		}
		if only != want {
			t.Errorf("%s for jason goes to his route: %v; want %v", path, only, want)
		}
	}

	// A rule without endpoints binds: those behind it do not get its requests.
	if code, name := send(t, front, "/", "nobody"); code != 503 {
		t.Errorf("by a rule without endpoints: %d from %q; want 503", code, name)
	}

	stop()
	split(t, front, 0.6, 0.3, 0.1)

	api.change(func() { web.Routes[2].Weights = weights(0, 1) })
	daemon(t, at, New(api, nil))
	await(t, "the weights to return", func() bool { return count(t, front, 20)["b"] == 20 })

	api.change(func() { api.all = nil }) // an empty table
	split(t, front, 0, 1, 0)
}

func daemon(t testing.TB, address string, h http.Handler) (at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	stop = sync.OnceFunc(func() { s.Close(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func start(t *testing.T, program, fairwayd string) (front string) {
	t.Helper()
	dir := t.TempDir()
	front = porttest.Address(t)
	text, err := template.ParseFiles("../../../examples/traefik/traefik.yml.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var conf bytes.Buffer
	if err := text.Option("missingkey=error").Execute(&conf, map[string]any{
		"Dir": dir, "Service": "web", "Front": front, "Admin": porttest.Address(t), "Fairway": true, "HTTP": fairwayd,
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "traefik.yml")
	if err := os.WriteFile(path, conf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "--configFile="+path)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("Traefik said:\n%s", &said)
		}
	})
	return front
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 90 s for %s", what)
		}
	}
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func send(t testing.TB, front, path, user string) (code int, name string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+front+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.Header.Set("End-User", user)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// count tells how many of n requests each endpoint answered; none may fail.
func count(t testing.TB, front string, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		code, name := send(t, front, "/", "")
		if code != 200 {
			t.Fatalf("%d %q", code, name)
		}
		got[name]++
	}
	return got
}

func split(t *testing.T, front string, shares ...float64) {
	t.Helper()
	const n = 1000
	got := count(t, front, n)
	for i, share := range shares {
		name := fmt.Sprintf("%c", 'a'+i)
		if sigma := math.Sqrt(n * share * (1 - share)); math.Abs(float64(got[name])-n*share) > 5*sigma {
			t.Errorf("%s got %d of %d requests; want %.0f ± %.0f", name, got[name], n, n*share, 5*sigma)
		}
	}
	t.Logf("asked %v, of %d: %v", shares, n, got)
}
