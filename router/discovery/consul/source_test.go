package consul

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ discovery.Source = (*Source)(nil)

// agent speaks the documented part of Consul's HTTP API, with the JSON of Consul's own
// types. There is no Consul on this machine.
type agent struct {
	t   testing.TB
	url string

	mu       sync.Mutex
	changed  chan struct{}
	index    uint64            // of the whole state
	indices  map[string]uint64 // of each service
	services map[string][]*api.ServiceEntry
	refuse   func(w http.ResponseWriter, r *http.Request) bool // says that it has answered
	asked    []string
	waiting  int
	most     int // that waited at once
	over     chan struct{}
}

func startAgent(t testing.TB) *agent {
	t.Helper()
	a := &agent{t: t, changed: make(chan struct{}), index: 7, indices: map[string]uint64{}, services: map[string][]*api.ServiceEntry{}, over: make(chan struct{})}
	server := httptest.NewServer(a)
	a.url = server.URL
	t.Cleanup(func() { close(a.over); server.Close() })
	return a
}

// instanceOf is one as Consul's client would register it.
func instanceOf(service, id string, port int, status string) *api.ServiceEntry {
	return &api.ServiceEntry{
		Node:    &api.Node{Node: "n-" + id, Address: "10.0.0.1", Datacenter: "dc1"},
		Service: &api.AgentService{ID: id, Service: service, Port: port},
		Checks:  api.HealthChecks{{CheckID: "serfHealth", Status: api.HealthPassing}, {CheckID: "service:" + id, Status: status}},
	}
}

// set replaces the instances of a service; none deregisters it.
func (a *agent) set(service string, instances ...*api.ServiceEntry) {
	a.change(func() {
		a.index++
		a.indices[service] = a.index
		if a.services[service] = instances; len(instances) == 0 {
			delete(a.services, service)
		}
	})
}

func (a *agent) change(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
	close(a.changed)
	a.changed = make(chan struct{})
}

// state is what a path says now.
func (a *agent) state(path string) (index uint64, said any) {
	if name, ok := strings.CutPrefix(path, "/v1/health/service/"); ok {
		entries := a.services[name]
		if entries == nil {
			entries = []*api.ServiceEntry{}
		}
		return max(a.indices[name], 1), entries
	}
	names := map[string][]string{"consul": {}}
	for name := range a.services {
		names[name] = []string{}
	}
	return a.index, names
}

// ServeHTTP implements http.Handler.
func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.Path+"?"+r.URL.RawQuery)
	if a.refuse != nil && a.refuse(w, r) {
		return
	}
	wanted, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if wanted > 0 && err != nil {
		a.t.Errorf("waits for %q", r.URL.RawQuery)
	}
	late := time.After(wait)
	index, said := a.state(r.URL.Path)
	for wanted > 0 && index == wanted { // newer, or gone back
		changed := a.changed
		a.waiting++
		a.most = max(a.most, a.waiting)
		a.mu.Unlock()
		ended := false
		select {
		case <-changed:
		case <-late:
			ended = true
		case <-r.Context().Done():
			ended = true
		case <-a.over:
			ended = true
		}
		a.mu.Lock()
		a.waiting--
		if a.refuse != nil && a.refuse(w, r) { // also who waits already
			return
		}
		if index, said = a.state(r.URL.Path); ended {
			break
		}
	}
	w.Header().Set("X-Consul-Index", strconv.FormatUint(index, 10))
	json.NewEncoder(w).Encode(said)
}

func (a *agent) refusing(f func(w http.ResponseWriter, r *http.Request) bool) {
	a.change(func() { a.refuse = f })
}

func (a *agent) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// quick asks often.
func quick(t testing.TB, url string) Config {
	t.Helper()
	cfg, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTP.ProxyFromEnvironment = false
	cfg.Gap = time.Millisecond
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

func TestFollowsTheCatalog(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing), instanceOf("cart", "cart-2", 81, api.HealthWarning))
	sink := watching(t, quick(t, a.url+"?dc=dc1"))
	s := sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	if len(s.Services) != 1 || !s.Has("cart", "cart-1=10.0.0.1:80", "cart-2=10.0.0.1:81") || !slices.Equal(s.Services["cart"].Names, []string{"cart.service.consul", "cart.service.dc1.consul"}) {
		t.Fatalf("%s", s)
	}
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthCritical), instanceOf("cart", "cart-2", 81, api.HealthMaint))
	sink.Until(t, "ill", func(s *sinktest.State) bool {
		return s.Has("cart", "cart-1=10.0.0.1:80 not_ready", "cart-2=10.0.0.1:81")
	})
	maintained := instanceOf("cart", "cart-2", 81, api.HealthPassing)
	maintained.Checks = append(maintained.Checks, &api.HealthCheck{CheckID: api.ServiceMaintPrefix + "cart-2", Status: api.HealthCritical})
	node := instanceOf("cart", "cart-3", 82, api.HealthCritical)
	node.Checks = append(node.Checks, &api.HealthCheck{CheckID: api.NodeMaint, Status: api.HealthCritical})
	a.set("cart", maintained, node)
	sink.Until(t, "drains", func(s *sinktest.State) bool {
		return s.Has("cart", "cart-2=10.0.0.1:81 draining", "cart-3=10.0.0.1:82 draining")
	})
	a.set("shop", instanceOf("shop", "shop", 90, api.HealthPassing))
	sink.Until(t, "another", func(s *sinktest.State) bool { return s.Has("shop", "shop=10.0.0.1:90") })
	a.set("cart")
	s = sink.Until(t, "gone", func(s *sinktest.State) bool { return len(s.Services) == 1 })
	if s.Trouble != nil {
		t.Errorf("%s", s)
	}
	for _, q := range a.questions() {
		if !strings.Contains(q, "dc=dc1") || strings.HasPrefix(q, "/v1/health/service/consul") {
			t.Errorf("asked %s", q)
		}
	}
	// Where nothing changes, questions wait: none is asked again and again.
	before := len(a.questions())
	a.set("shop", instanceOf("shop", "shop", 91, api.HealthPassing))
	sink.Until(t, "moved", func(s *sinktest.State) bool { return s.Has("shop", "shop=10.0.0.1:91") })
	if n := len(a.questions()) - before; n > 6 {
		t.Errorf("%d questions for one change", n)
	}
}

// TestIndexGoesBack restores an older state, as a server does from a snapshot.
func TestIndexGoesBack(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing))
	sink := watching(t, quick(t, a.url))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	a.change(func() {
		a.index, a.indices["cart"] = 3, 2
		a.services["cart"] = []*api.ServiceEntry{instanceOf("cart", "cart-0", 80, api.HealthPassing)}
	})
	sink.Until(t, "back", func(s *sinktest.State) bool { return s.Has("cart", "cart-0=10.0.0.1:80") })
	a.change(func() { // less than is waited for, and then just as much again: it must be asked for from the beginning
		a.indices["cart"] = 1
		a.services["cart"] = []*api.ServiceEntry{instanceOf("cart", "cart-9", 80, api.HealthPassing)}
	})
	sink.Until(t, "further back", func(s *sinktest.State) bool { return s.Has("cart", "cart-9=10.0.0.1:80") })
	for _, want := range []struct{ index, next, result uint64 }{{0, 0, 1}, {0, 5, 5}, {5, 5, 5}, {5, 6, 6}, {6, 5, 0}, {6, 0, 0}} {
		if got := following(want.index, want.next); got != want.result {
			t.Errorf("%d follows %d: %d; want %d", want.next, want.index, got, want.result)
		}
	}
}

func TestTroubleKeeps(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing))
	a.set("shop", instanceOf("shop", "shop-1", 80, api.HealthPassing))
	cfg := quick(t, a.url)
	sink := watching(t, cfg)
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && len(s.Services) == 2 })
	a.refusing(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/health/service/cart" {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			return true
		}
		return false
	})
	a.set("cart", instanceOf("cart", "cart-2", 80, api.HealthPassing))
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil && slices.Equal(s.Fresh, []string{"shop"}) })
	if !strings.Contains(s.Trouble.Error(), "500 Internal Server Error: No cluster leader") || !s.Has("cart", "cart-1=10.0.0.1:80") {
		t.Errorf("%s", s)
	}
	a.refusing(nil)
	s = sink.Until(t, "well", func(s *sinktest.State) bool { return s.Trouble == nil && len(s.Fresh) == 2 })
	if !s.Has("cart", "cart-2=10.0.0.1:80") || slices.ContainsFunc(s.Words, func(w string) bool { return strings.HasPrefix(w, "delete") }) {
		t.Errorf("%s", s)
	}
}

func TestTroubleSaysWhatToDo(t *testing.T) {
	for _, test := range []struct {
		handle func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		{func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Permission denied", http.StatusForbidden) }, "403 Forbidden: Permission denied; the token needs node:read and service:read"},
		{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, "http_max_conns_per_client"},
		{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
		}, "name the place that it leads to, http://elsewhere/"},
		{func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "is it Consul's HTTP API?"},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			fmt.Fprint(w, "[]")
		}, "the catalog is no map of services"},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			fmt.Fprint(w, `{"a":[]`)
		}, "the catalog"},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			spaces := []byte(strings.Repeat(" ", 1<<20))
			for range longestAnswer>>20 + 1 {
				w.Write(spaces)
			}
		}, "longer than 16 MiB"},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			fmt.Fprint(w, "{")
			for i := range mostServices + 1 {
				fmt.Fprintf(w, `"s%d":[],`, i)
			}
			fmt.Fprint(w, `"z":[]}`)
		}, "2002 services; name those that matter, at most 2000"},
		{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			switch {
			case r.URL.Query().Has("index"):
				<-r.Context().Done()
			case r.URL.Path == "/v1/catalog/services":
				fmt.Fprint(w, `{"cart":[]}`)
			default:
				fmt.Fprintf(w, "[%s{}]", strings.Repeat("{},", mostInstances))
			}
		}, `service "cart": it has more than 10000 instances`},
	} {
		server := httptest.NewServer(http.HandlerFunc(test.handle))
		cfg := quick(t, server.URL)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		sink, stop := sinktest.Watch(t, s)
		state := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
		if !strings.Contains(state.Trouble.Error(), test.want) || state.Synced || len(state.Trouble.Error()) > 2000 {
			t.Errorf("%.600v; want %s", state.Trouble, test.want)
		}
		stop()
		server.Close()
	}
}

// TestManyServices take turns, and all are found.
func TestManyServices(t *testing.T) {
	a := startAgent(t)
	const n = mostAtOnce + 50
	for i := range n {
		name := fmt.Sprintf("s%03d", i)
		a.set(name, instanceOf(name, name, 80, api.HealthPassing))
	}
	sink := watching(t, quick(t, a.url))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && len(s.Services) == n })
	for _, name := range []string{"s000", fmt.Sprintf("s%03d", n-1)} {
		a.set(name, instanceOf(name, name, 81, api.HealthPassing))
		sink.Until(t, "changed", func(s *sinktest.State) bool { return s.Has(name, name+"=10.0.0.1:81") })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.most > mostAtOnce+1 {
		t.Errorf("%d questions waited at once", a.most)
	}
}

func TestNamedServicesAndToken(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing))
	a.set("shop", instanceOf("shop", "shop-1", 80, api.HealthPassing))
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.refusing(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Consul-Token") == "s3cret" && r.URL.Path == "/v1/health/service/cart" && r.URL.Query().Get("ns") == "team" && r.URL.Query().Get("partition") == "p" {
			return false
		}
		http.Error(w, "no", http.StatusForbidden)
		return true
	})
	cfg := quick(t, a.url+"?service=cart&ns=team&partition=p&token_file="+token)
	s := watching(t, cfg).Until(t, "synced", func(s *sinktest.State) bool { return s.Synced || s.Trouble != nil })
	if s.Trouble != nil || len(s.Services) != 1 || !s.Has("cart", "cart-1=10.0.0.1:80") {
		t.Errorf("%s", s)
	}
	cfg.TokenFile = token + ".none"
	s = watching(t, cfg).Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if !strings.Contains(s.Trouble.Error(), "token: ") {
		t.Errorf("%s", s)
	}
	cfg.TokenFile, cfg.Token = "", "wr0ng"
	s = watching(t, cfg).Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if strings.Contains(s.Trouble.Error(), "wr0ng") {
		t.Errorf("%s", s)
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := watching(t, quick(t, strings.Replace(server.URL, "http://", "http://user:hunter2@", 1))).Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if text := s.Trouble.Error(); !strings.Contains(text, "connection refused") || strings.Contains(text, "hunter2") {
		t.Errorf("%s", s)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing))
	cfg := quick(t, a.url)
	cfg.Wait = 10 * time.Minute
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink, stop := sinktest.Watch(t, s)
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	stop() // while all questions wait
}

// TestWatchedAgain: a directory starts a source that has ended again.
func TestWatchedAgain(t *testing.T) {
	a := startAgent(t)
	a.set("cart", instanceOf("cart", "cart-1", 80, api.HealthPassing))
	s, err := New(quick(t, a.url))
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Again(t, s, "cart", "cart-1=10.0.0.1:80")
}
