package tune

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router"
)

func build(name string) (router.Strategy, error) {
	return router.StrategyNamed(name, nil, nil, router.DefaultConfig())
}

// TestRun tunes a real strategy on little, twice: with one worker and with
// several, and reads what it wrote.
func TestRun(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Meshes, cfg.Budget, cfg.Workers = 2, 8, 1
	names := []string{"least_latency", "pid"}
	a, err := Run(t.Context(), names, build, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Workers = 3
	b, err := Run(t.Context(), names, build, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("with one worker %+v, with three %+v", a, b)
	}
	if s := a.Strategies[0]; s.Strategy != "least_latency" || s.Loss != s.Default || s.Runs != 2 {
		t.Errorf("a strategy without parameters came to %+v", s)
	}
	pid := a.Strategies[1]
	if pid.Loss > pid.Default || pid.Runs > cfg.Budget {
		t.Errorf("pid came to %+v", pid)
	}
	if _, err := build(pid.Strategy); err != nil {
		t.Error(err)
	}
	var text bytes.Buffer
	if err := a.Write(&text); err != nil {
		t.Fatal(err)
	}
	if c, err := Read("a.yaml", text.Bytes()); err != nil || !reflect.DeepEqual(a, c) {
		t.Errorf("%v: wrote %+v and read %+v", err, a, c)
	}
	if a.Tuned("pid") != pid.Strategy || a.Tuned("other") != "other" {
		t.Errorf("tuned are %q and %q", a.Tuned("pid"), a.Tuned("other"))
	}
}

func TestRunRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"meshes are 0":  func(c *Config) { c.Meshes = 0 },
		"budget is 3":   func(c *Config) { c.Budget = 3 },
		"workers are -": func(c *Config) { c.Workers = -1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := Run(t.Context(), []string{"pid"}, build, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	cfg := DefaultConfig()
	cfg.Meshes, cfg.Budget = 1, 2
	if _, err := Run(t.Context(), []string{"nothing"}, build, cfg); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("%v; want the name", err)
	}
	if _, err := Read("b.yaml", []byte("other: 1")); err == nil || !strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("%v; want the file", err)
	}
}

// TestBundled: what ships can be read, and its strategies can be made.
func TestBundled(t *testing.T) {
	for _, s := range Bundled().Strategies {
		if _, err := build(s.Strategy); err != nil {
			t.Error(err)
		}
	}
}
