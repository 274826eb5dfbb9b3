package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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
	services   []Service // with addresses
	listen     map[string]string
	children   *children
	prometheus prometheus.API
	versions   string

	mu        sync.Mutex
	endpoints map[string]*child
	starts    uint64 // of endpoints, so that each draws its own numbers
}

// The programs that the lab needs, and the Debian packages that bring them.
var programs = []struct{ name, debian string }{{"haproxy", "haproxy"}, {"prometheus", "prometheus"}}

// findPrograms returns the paths of the programs by name.
func findPrograms() (map[string]string, error) {
	paths := map[string]string{}
	for _, p := range programs {
		path, err := exec.LookPath(p.name)
		if err != nil {
			// Not every user's PATH has where Debian puts servers.
			path, err = exec.LookPath("/usr/sbin/" + p.name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s not found; install the Debian package %s (apt-get install %s)", p.name, p.debian, p.debian)
		}
		paths[p.name] = path
	}
	return paths, nil
}

// startMesh starts everything in dir and returns when Prometheus sees all of
// it. The caller stops it with children.close, also after an error.
func startMesh(ctx context.Context, cfg Config, dir string) (*running, error) {
	m := &running{cfg: cfg, listen: map[string]string{}, children: newChildren(dir), endpoints: map[string]*child{}}
	return m, m.start(ctx, dir)
}

func (m *running) start(ctx context.Context, dir string) error {
	paths, err := findPrograms()
	if err != nil {
		return err
	}
	free := freeAddresses()
	targets := 1
	for _, s := range m.cfg.Services {
		s.Endpoints = slices.Clone(s.Endpoints)
		for i := range s.Endpoints {
			s.Endpoints[i].Address = free()
			targets++
		}
		m.services = append(m.services, s)
		m.listen[s.Name] = free()
	}
	for _, s := range m.services {
		for _, e := range s.Endpoints {
			if err := m.startEndpoint(ctx, e.Name); err != nil {
				return err
			}
		}
	}
	proxyMetrics, address := free(), free()
	if err := m.startHAProxy(ctx, paths["haproxy"], dir, proxyMetrics); err != nil {
		return err
	}
	if err := m.startPrometheus(ctx, paths["prometheus"], dir, proxyMetrics, address); err != nil {
		return err
	}
	m.versions = version(paths["haproxy"], "-v") + "; " + version(paths["prometheus"], "--version")
	return m.await(ctx, "Prometheus to see every target", func() error {
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
	spec, err := json.Marshal(Spec{Endpoint: e, Classes: s.Classes, Seed: seed})
	if err != nil {
		return err
	}
	process, err := m.children.start(name, append(slices.Clone(m.cfg.Endpoint), string(spec))...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.endpoints[name] = process
	m.mu.Unlock()
	return m.await(ctx, name, answers("http://"+e.Address+"/metrics"))
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
	return m.await(ctx, "haproxy", answers("http://"+metrics+"/metrics"))
}

func (m *running) startPrometheus(ctx context.Context, program, dir, proxy, address string) error {
	text, err := prometheusConfig(m.services, proxy)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		return err
	}
	m.prometheus = prometheus.NewAPI(client)
	_, err = m.children.start("prometheus", program, "--config.file="+file, "--web.listen-address="+address,
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--storage.tsdb.retention.time=10d", "--log.level=warn")
	if err != nil {
		return err
	}
	return m.await(ctx, "prometheus", answers("http://"+address+"/-/ready"))
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
	response, err := http.DefaultClient.Do(request)
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
func (m *running) await(ctx context.Context, what string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := ready()
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
func answers(url string) func() error {
	return func() error {
		response, err := http.Get(url)
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

// freeAddresses gives loopback addresses that nobody listens on. They lie
// below the ports that the kernel hands out to outgoing connections: one of
// those must not take the place of an endpoint while it is down.
func freeAddresses() func() string {
	port := 20000 + os.Getpid()%5000
	return func() string {
		for {
			port++
			address := fmt.Sprintf("127.0.0.1:%d", port)
			if l, err := net.Listen("tcp", address); err == nil {
				l.Close()
				return address
			}
		}
	}
}

// version returns the first line that a program prints about itself.
func version(program, flag string) string {
	text, err := exec.Command(program, flag).CombinedOutput()
	if err != nil {
		return filepath.Base(program) + " of unknown version"
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line)
}
