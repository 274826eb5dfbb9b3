package meshconfig

import (
	"os"
	"os/exec"
	"testing"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// config is that of the tests: of a namespace shop, and a version that stays.
func config(change func(*Config)) Config {
	cfg := DefaultConfig()
	cfg.Namespace, cfg.Command, cfg.Version = "shop", "fairway mesh config --namespace shop", "v1.2.3"
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func advanced(c *Config) { c.Advanced = true }

// objects reads objects that a test has written.
func objects(t testing.TB, yaml string) []manifest.Object {
	t.Helper()
	list, err := manifest.Read("f.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func made(t testing.TB, cfg Config, services ...Service) []*Manifest {
	t.Helper()
	list, err := Manifests(cfg, services)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// stored are the services of testdata.
func stored(t testing.TB) []Service {
	t.Helper()
	text, err := os.ReadFile("testdata/services.yaml")
	if err != nil {
		t.Fatal(err)
	}
	services, _ := Services("shop", objects(t, string(text)))
	return services
}

// tool finds one of the real programs that the tests use.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no %s on this machine", name)
	}
	return path
}
