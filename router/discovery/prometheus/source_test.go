package prometheus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ discovery.Source = (*Source)(nil)

// quick asks often.
func quick(t testing.TB, url string) Config {
	t.Helper()
	cfg := DefaultConfig()
	var err error
	if cfg.Connection, err = prom.LoadConnection(url); err != nil {
		t.Fatal(err)
	}
	cfg.Connection.HTTP.ProxyFromEnvironment = false
	cfg.Every = 100 * time.Millisecond
	return cfg
}

func watching(t testing.TB, cfg Config) *sinktest.Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink, _ := sinktest.Watch(t, s)
	return sink
}

// real is a Prometheus of this machine that finds targets in a file.
type real struct {
	t            testing.TB
	url, targets string
	args         []string
	run          *exec.Cmd
}

func startReal(t testing.TB, targets string) *real {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no prometheus on this machine")
	}
	dir := t.TempDir()
	address := porttest.Address(t)
	p := &real{t: t, url: "http://" + address, targets: filepath.Join(dir, "targets.json")}
	config := filepath.Join(dir, "prometheus.yml")
	p.write(targets)
	text := fmt.Sprintf(`scrape_configs:
- job_name: pods
  scrape_interval: 200ms
  scrape_timeout: 200ms
  file_sd_configs: [{files: [%q], refresh_interval: 1s}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
`, p.targets)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = []string{binary, "--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address, "--log.level=error"}
	p.start()
	t.Cleanup(func() {
		if p.run != nil {
			p.stop()
		}
	})
	return p
}

// write replaces the file of targets.
func (p *real) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.targets+".new", []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(p.targets+".new", p.targets); err != nil {
		p.t.Fatal(err)
	}
}

func (p *real) start() {
	p.t.Helper()
	p.run = exec.Command(p.args[0], p.args[1:]...)
	p.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.run.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *real) stop() {
	p.run.Process.Signal(syscall.SIGTERM)
	p.run.Wait() // says "signal: terminated" or exit status 0
	p.run = nil
}

func TestRealPrometheus(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "requests_total 1") }))
	t.Cleanup(well.Close)
	up := strings.TrimPrefix(well.URL, "http://")
	closed := "127.0.0.1:1"
	pod := func(address, name, port, ready string) string {
		return fmt.Sprintf(`{"targets": [%q], "labels": {"__meta_kubernetes_namespace": "shop", "__meta_kubernetes_service_name": "reviews", "__meta_kubernetes_pod_name": %q,
			"__meta_kubernetes_endpointslice_port_name": %q, "__meta_kubernetes_endpointslice_endpoint_conditions_ready": %q,
			"__meta_kubernetes_endpointslice_endpoint_zone": "a", "__meta_kubernetes_pod_label_version": "v2", "__meta_kubernetes_pod_label_app_kubernetes_io_name": "reviews"}}`, address, name, port, ready)
	}
	consul := fmt.Sprintf(`{"targets": [%q], "labels": {"__meta_consul_service": "cart", "__meta_consul_service_port": %q, "__meta_consul_service_id": "cart-1", "__meta_consul_health": "passing", "__meta_consul_service_metadata_version": "v3"}}`, up, up[strings.LastIndex(up, ":")+1:])
	plain := fmt.Sprintf(`{"targets": [%q], "labels": {"job": "search", "zone": "b"}}`, closed)
	p := startReal(t, "["+strings.Join([]string{pod(up, "reviews-1", "http", "true"), pod(closed, "reviews-2", "http", "true"), pod(closed, "reviews-3", "http-metrics", "true"),
		pod(up, "reviews-4", "grpc-web", "false"), consul, plain}, ",")+"]")
	sink := watching(t, quick(t, p.url))
	const reviews = "reviews.shop.svc.cluster.local"
	s := sink.Until(t, "scraped", func(s *sinktest.State) bool {
		return s.Synced && s.Trouble == nil && s.Has(reviews, "reviews-1="+up, "reviews-2="+closed+" not_ready", "reviews-3=", "reviews-4="+up+" not_ready") &&
			s.Has("cart", "cart-1="+up) && s.Has("search", closed+"=")
	})
	e := s.Services[reviews].Endpoints[0]
	if e.Zone != "a" || e.Subset != "v2" || e.Labels["app.kubernetes.io/name"] != "reviews" || e.Labels["pod"] != "reviews-1" || !slices.Equal(e.Names, []string{"127.0.0.1", up, "shop/reviews-1"}) {
		t.Errorf("%+v", e)
	}
	if got := s.Services[reviews]; !slices.Equal(got.Names, []string{"pods", "reviews", "reviews.shop", "reviews.shop.svc"}) || got.Namespace != "shop" || got.Port.Protocol != "grpc" {
		t.Errorf("%+v", got)
	}
	if e := s.Services["search"].Endpoints[0]; e.Zone != "b" || !slices.Equal(e.Names, []string{"127.0.0.1"}) {
		t.Errorf("%+v", e)
	}
	p.stop()
	s = sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if len(s.Services) != 3 || len(s.Fresh) != 0 || !strings.Contains(s.Trouble.Error(), p.url) {
		t.Errorf("%s", s)
	}
	// It comes back, knows of no target for some seconds, and then of one less.
	p.write("[" + strings.Join([]string{pod(up, "reviews-1", "http", "true"), consul, plain}, ",") + "]")
	p.start()
	s = sink.Until(t, "back", func(s *sinktest.State) bool { return s.Trouble == nil && s.Has(reviews, "reviews-1="+up) })
	if len(s.Services) != 3 || slices.ContainsFunc(s.Words, func(w string) bool { return strings.HasPrefix(w, "delete") }) {
		t.Errorf("%s", s)
	}
}

func TestMissed(t *testing.T) {
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	m := missed{grace: time.Minute, began: start}
	names := func(all []*discovery.Service) (out []string) {
		for _, s := range all {
			out = append(out, fmt.Sprint(s.Name, map[bool]string{true: " stale"}[s.Stale]))
		}
		slices.Sort(out)
		return out
	}
	cart := func() []*discovery.Service { return []*discovery.Service{{Name: "cart"}} }
	for _, step := range []struct {
		at     time.Duration
		answer []*discovery.Service
		want   []string
		err    error
	}{
		{0, nil, nil, again.ErrUnfinished},
		{5 * time.Second, cart(), []string{"cart"}, nil},
		{30 * time.Second, nil, []string{"cart stale"}, nil},
		{64 * time.Second, []*discovery.Service{{Name: "shop"}}, []string{"cart stale", "shop"}, nil},
		{65 * time.Second, []*discovery.Service{{Name: "shop"}}, []string{"shop"}, nil},
		{66 * time.Second, cart(), []string{"cart", "shop stale"}, nil},
		{300 * time.Second, nil, nil, nil},
	} {
		all, err := m.add(step.answer, start.Add(step.at))
		if got := names(all); !slices.Equal(got, step.want) || err != step.err {
			t.Errorf("at %s: %q, %v; want %q, %v", step.at, got, err, step.want, step.err)
		}
	}
	m = missed{grace: time.Minute, began: start} // nothing at all is believed in the end
	m.add(nil, start)
	if all, err := m.add(nil, start.Add(time.Minute)); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

// answering is a server that says what it is told to.
func answering(t testing.TB, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

func TestTroubleSaysWhatToDo(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{403, "forbidden", "are the credentials right"},
		{404, "404 page not found", "name the Prometheus that scrapes"},
		{500, `{"status":"error","error":"on fire"}`, "on fire"},
		{200, "<html>", "not one of Prometheus' API"},
		{200, `{"status":"success","data":{}}`, "it has no activeTargets"},
		{200, `{"status":"success","data":{"activeTargets":{}}}`, "activeTargets is no list"},
		{200, `{"status":"success","data":{"activeTargets":[{"labels":[]}]}}`, "not one of Prometheus' API"},
		{200, `{"status":"success","data":{"activeTargets":[`, "not one of Prometheus' API"},
		{200, `{"status":"success","data":{"activeTargets":[` + strings.Repeat("{},", 60_000) + `{}]}}`, "more than 50000 targets"},
		{200, `{"status":"success","data":{"activeTargets":[]},"warnings":["a store is away"]}`, "may not be complete"},
	} {
		url := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/targets" || r.URL.Query().Get("state") != "active" {
				t.Errorf("asked for %s", r.URL)
			}
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		})
		s := watching(t, quick(t, url)).Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
		if !strings.Contains(s.Trouble.Error(), test.want) || s.Synced {
			t.Errorf("%d %.60s: %v; want %s", test.status, test.body, s.Trouble, test.want)
		}
	}
}

// TestSourceFile takes credentials from a source file, and shows none.
func TestSourceFile(t *testing.T) {
	var asked atomic.Int64
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); asked.Add(1) == 1 || user != "fairway" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"activeTargets":[]}}`)
	})
	name := filepath.Join(t.TempDir(), "source.yaml")
	if err := os.WriteFile(name, []byte("prometheus: "+url+"\nhttp: {basic_auth: {username: fairway, password: hunter2}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := quick(t, name)
	cfg.Grace = 0
	s := watching(t, cfg).Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	if !slices.Equal(s.Words[1:], []string{"synced"}) || strings.Contains(s.Words[0], "hunter2") || !strings.Contains(s.Words[0], "401") {
		t.Errorf("%s", s)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	url := answering(t, func(http.ResponseWriter, *http.Request) { close(asked); <-over })
	cfg := quick(t, url)
	cfg.Timeout = time.Hour
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, stop := sinktest.Watch(t, s)
	<-asked
	stop()
	close(over)
}

func TestWholeServicesAreNoEndpoints(t *testing.T) {
	_, ok := read(prom.Target{URL: "http://reviews.shop.svc:80/", Found: map[string]string{"__meta_kubernetes_service_cluster_ip": "10.96.0.7", "__meta_kubernetes_service_name": "reviews"}})
	if ok {
		t.Error("a service is an endpoint")
	}
}

func TestValidate(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"no server is named", "asked every 0s", "no domain"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	cfg := DefaultConfig()
	cfg.Connection = &prom.Connection{Address: "none"}
	if _, err := New(cfg); err == nil {
		t.Error("no URL, no error")
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{`[]`, `[{"labels":{"job":"a","instance":"b:1"},"discoveredLabels":{"__address__":"b:1"},"scrapeUrl":"http://b:1/metrics","health":"down"}]`,
		`[{"discoveredLabels":{"__address__":"[::1]:80","__meta_kubernetes_endpoint_port_name":"http","__meta_kubernetes_namespace":"n","__meta_kubernetes_service_name":"s","__meta_kubernetes_pod_name":"p"}}]`} {
		f.Add(text)
	}
	s := &Source{cfg: DefaultConfig()}
	f.Fuzz(func(t *testing.T, text string) {
		var targets []prom.Target
		if json.Unmarshal([]byte(text), &targets) != nil {
			return
		}
		seen := map[string]bool{}
		for _, service := range s.services(targets) {
			if service.Name == "" || seen[service.Name] {
				t.Errorf("%+v", service)
			}
			seen[service.Name] = true
			names := map[string]bool{}
			for _, e := range service.Endpoints {
				if e.Name == "" || names[e.Name] {
					t.Errorf("%+v", service)
				}
				names[e.Name] = true
			}
		}
	})
}

// TestWatchedAgain: a directory starts a source that has ended again.
func TestWatchedAgain(t *testing.T) {
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"activeTargets":[{"discoveredLabels":{"__address__":"10.0.0.1:80"},"labels":{"job":"cart","instance":"10.0.0.1:80"},"scrapeUrl":"http://10.0.0.1:80/metrics","health":"up"}]}}`)
	})
	s, err := New(quick(t, url))
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Again(t, s, "cart", "10.0.0.1:80=")
}
