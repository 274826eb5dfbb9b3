package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// running is a mesh that runs: a process per endpoint, HAProxy, Prometheus.
type running struct {
	cfg        Config
	services   []Service         // with addresses
	listen     map[string]string // where HAProxy listens for each
	ports      *ports
	children   *children
	client     *http.Client // of everything but the load
	prometheus prometheus.API
	address    string // of Prometheus
	versions   string

	mu        sync.Mutex
	endpoints map[string]*child
	starts    uint64 // of endpoints, so that each draws its own numbers
}

// startMesh starts everything in dir and returns when Prometheus sees all of
// it.
func startMesh(ctx context.Context, cfg Config, dir string) (*running, error) {
	m, err := newMesh(cfg, dir)
	if err != nil {
		return nil, err
	}
	if err := m.start(ctx, dir); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// newMesh is a mesh of which nothing runs yet.
func newMesh(cfg Config, dir string) (*running, error) {
	ports, err := leasePorts()
	if err != nil {
		return nil, err
	}
	return &running{
		cfg: cfg, listen: map[string]string{}, endpoints: map[string]*child{},
		ports: ports, children: newChildren(dir),
		// A kept connection to an endpoint would be a dead one after a crash.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}, nil
}

// close ends all processes.
func (m *running) close() {
	m.children.close()
	m.ports.release()
}

func (m *running) start(ctx context.Context, dir string) error {
	paths, err := findPrograms(programPath())
	if err != nil {
		return err
	}
	targets, err := m.startEndpoints(ctx)
	if err != nil {
		return err
	}
	proxyMetrics, address := m.ports.address(), m.ports.address()
	if err := m.startHAProxy(ctx, paths["haproxy"], dir, proxyMetrics); err != nil {
		return err
	}
	if err := m.startPrometheus(ctx, paths["prometheus"], dir, proxyMetrics, address); err != nil {
		return err
	}
	m.versions = version(ctx, paths["haproxy"], "-v") + "; " + version(ctx, paths["prometheus"], "--version")
	return m.awaitTargets(ctx, targets+1) // and HAProxy
}

// startEndpoints gives every endpoint an address and a process, and returns how many
// there are.
func (m *running) startEndpoints(ctx context.Context) (n int, err error) {
	for _, s := range m.cfg.Services {
		s.Endpoints = slices.Clone(s.Endpoints)
		for i := range s.Endpoints {
			s.Endpoints[i].Address = m.ports.address()
			n++
		}
		m.services = append(m.services, s)
		m.listen[s.Name] = m.ports.address()
	}
	for _, s := range m.services {
		for _, e := range s.Endpoints {
			if err := m.startEndpoint(ctx, e.Name); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (m *running) awaitTargets(ctx context.Context, targets int) error {
	return m.await(ctx, "Prometheus to see every target", func(ctx context.Context) error {
		value, _, err := m.prometheus.Query(ctx, "count(up == 1)", time.Now())
		if err != nil {
			return err
		}
		if v, ok := value.(model.Vector); !ok || len(v) != 1 || int(v[0].Value) != targets {
			return fmt.Errorf("count(up == 1) is %v; want %d", value, targets)
		}
		return nil
	})
}

// find returns the named endpoint and its service.
func (m *running) find(name string) (Service, Endpoint) {
	for _, s := range m.services {
		for _, e := range s.Endpoints {
			if e.Name == name {
				return s, e
			}
		}
	}
	panic("lab: no endpoint " + name) // names come from the same configuration
}

// startEndpoint starts the process of an endpoint, on the address it has had
// before if it ran before.
func (m *running) startEndpoint(ctx context.Context, name string) error {
	s, e := m.find(name)
	m.mu.Lock()
	m.starts++
	seed := m.cfg.Seed + m.starts
	m.mu.Unlock()
	spec, err := json.Marshal(Spec{Endpoint: e, Classes: s.Classes, Seed: seed, Light: m.cfg.Light})
	if err != nil {
		return err
	}
	process, err := m.children.start(name, append(slices.Clone(m.cfg.EndpointCommand), string(spec))...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.endpoints[name] = process
	m.mu.Unlock()
	return m.await(ctx, name, m.answers("http://"+e.Address+"/metrics"))
}

// killEndpoint ends the process of an endpoint without warning.
func (m *running) killEndpoint(name string) {
	m.mu.Lock()
	process := m.endpoints[name]
	m.mu.Unlock()
	process.kill()
}

func (m *running) startHAProxy(ctx context.Context, program, dir, metrics string) error {
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(haproxyConfig(m.services, m.listen, metrics)), 0o644); err != nil {
		return err
	}
	if _, err := m.children.start("haproxy", program, "-db", "-f", file); err != nil {
		return err
	}
	return m.await(ctx, "haproxy", m.answers("http://"+metrics+"/metrics"))
}

func (m *running) startPrometheus(ctx context.Context, program, dir, proxy, address string) error {
	text, err := prometheusConfig(m.services, proxy, m.cfg.Scrape)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	client, err := api.NewClient(api.Config{Address: "http://" + address, Client: m.client})
	if err != nil {
		return err
	}
	m.prometheus, m.address = prometheus.NewAPI(client), address
	_, err = m.children.start("prometheus", program, "--config.file="+file, "--web.listen-address="+address,
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--storage.tsdb.retention.time=10d", "--log.level=warn")
	if err != nil {
		return err
	}
	return m.await(ctx, "prometheus", m.answers("http://"+address+"/-/ready"))
}

// turnKnobs tells an endpoint what is wrong with it.
func (m *running) turnKnobs(ctx context.Context, name string, k Knobs) error {
	_, e := m.find(name)
	body, err := json.Marshal(k)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+e.Address+knobsPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s refused its knobs: %s", name, response.Status)
	}
	return nil
}

// startLimit is how long anything may take to start.
const startLimit = 30 * time.Second

// await asks until ready gives no error.
func (m *running) await(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case died := <-m.children.died:
			return died
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (last: %v)", what, ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers asks for a page.
func (m *running) answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := m.client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, response.Status)
		}
		return nil
	}
}
