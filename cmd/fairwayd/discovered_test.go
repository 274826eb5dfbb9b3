package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// weights asks what share each endpoint of a service has; nil where the service is not
// known.
func (p *program) weights(t testing.TB, service string) map[string]float64 {
	t.Helper()
	d, err := p.client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: service, WantWeights: true})
	if err != nil {
		return nil
	}
	all := map[string]float64{}
	for _, w := range d.Weights {
		all[w.Endpoint] = w.Weight
	}
	return all
}

// shares waits until the endpoints of a service with a weight are these.
func (p *program) shares(t testing.TB, service string, names ...string) {
	t.Helper()
	var got map[string]float64
	soonest(t, func() error {
		got = p.weights(t, service)
		maps.DeleteFunc(got, func(_ string, w float64) bool { return w == 0 })
		if all := slices.Sorted(maps.Keys(got)); !slices.Equal(all, names) {
			return fmt.Errorf("requests of %s go to %v; want %v", service, got, names)
		}
		return nil
	})
}

// soonest waits until nothing is wrong any more.
func soonest(t testing.TB, wrong func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := wrong()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestDiscovered: with nothing but a file of targets, the daemon serves them, follows
// the file, and serves on what was in it when it cannot be read any more, also after a
// restart.
func TestDiscovered(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	targets := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	targets("- targets: [10.0.0.1:80, 10.0.0.2:80]\n")
	args := []string{"--state", state, "--discover", "file:" + file, "--prometheus", "http://127.0.0.1:1"}
	p := start(t, args...)
	p.shares(t, "shop", "10.0.0.1:80", "10.0.0.2:80")
	p.shares(t, "SHOP.", "10.0.0.1:80", "10.0.0.2:80")
	soonest(t, func() error {
		const writes = `fairway_cache_writes_total{layer="disk"} `
		if _, page := p.get(t, "/metrics"); !strings.Contains(page, writes) || strings.Contains(page, writes+"0") {
			return errors.New("nothing is kept yet")
		}
		return nil
	})
	targets("- targets: [10.0.0.2:80, 10.0.0.3:80]\n")
	p.shares(t, "shop", "10.0.0.2:80", "10.0.0.3:80")

	targets("- targets: {\n")
	soonest(t, func() error {
		_, page := p.get(t, "/metrics")
		_, ready := p.get(t, "/readyz")
		for text, want := range map[string]string{
			page + " ":  `fairway_discovery_source_up{source="file"} 0`,
			page:        `fairway_discovery_stale_services{source="file"} 1`,
			ready:       "services are not found now: file: ",
			ready + " ": "shop.yaml",
		} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("no %q in\n%s", want, text)
			}
		}
		return nil
	})
	p.shares(t, "shop", "10.0.0.2:80", "10.0.0.3:80")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	p = start(t, args...)
	p.shares(t, "shop", "10.0.0.2:80", "10.0.0.3:80") // of the cache, with what came last
	targets("- targets: [10.0.0.4:80]\n")
	p.shares(t, "shop", "10.0.0.4:80")
	soonest(t, func() error {
		if _, page := p.get(t, "/metrics"); !strings.Contains(page, `fairway_discovery_source_up{source="file"} 1`) {
			return errors.New("the file is not believed")
		}
		return nil
	})
}

// nowhere is a kubeconfig of an API server that does not answer.
const nowhere = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: hunter22}}]
current-context: c
`

// TestClusterAway: an API server that does not answer costs a warning that says so, and
// nothing else.
func TestClusterAway(t *testing.T) {
	config := write(t, "kubeconfig", nowhere)
	p := start(t, "--kubeconfig", config, "--rules", write(t, "r.yaml", tinyRules), "--namespaces", "a,b")
	p.decide(t)
	soonest(t, func() error {
		if code, ready := p.get(t, "/readyz"); code != 200 || !strings.Contains(ready, "services are not found now: kubernetes: ") || !strings.Contains(ready, "127.0.0.1:1") {
			return fmt.Errorf("/readyz: %d %s", code, ready)
		}
		return nil
	})
	text := p.log.String()
	for _, want := range []string{"services found in kubernetes, namespaces: a b", "level=WARN msg=\"discovery: a source does not tell", "metrics of a Prometheus of the cluster, or of http://127.0.0.1:9090"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if strings.Contains(text, "hunter22") {
		t.Error("the token is in the log")
	}
}
