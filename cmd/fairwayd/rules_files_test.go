package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/model"
)

// manifests are rules of shop: who has the endpoints, and who has the routes.
const (
	shopEndpoints = `
services:
  - name: shop
    endpoints: [{name: a, subset: v1}, {name: b, subset: v1}, {name: c, subset: v2}]
`
	shopRoutes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, annotations: {config/version: VERSION}}
spec:
  hosts: [shop]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: shop, subset: JASONS}}]
    - {name: rest, route: [{destination: {host: shop, subset: v1}}]}
`
)

func shopManifest(version, jasons string) string {
	return strings.NewReplacer("VERSION", version, "JASONS", jasons).Replace(shopRoutes)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryOfManifests: what changes in it while the daemon runs is served; of what
// is broken the log says where, and the rules before stay. Each version is kept, and
// the one before serves again when somebody rolls back.
func TestDirectoryOfManifests(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	routes := filepath.Join(dir, "istio", "shop.yaml")
	put(t, filepath.Join(dir, "fairway.yaml"), shopEndpoints)
	put(t, routes, shopManifest("1.0.0", "v2"))
	p := start(t, "--rules", dir, "--state", state, "--no-trial")
	serves := func(version string) func(*fairwayv1.Decision) bool {
		return func(d *fairwayv1.Decision) bool { return d.RulesVersion == version }
	}
	jasons := func(want string) {
		t.Helper()
		if d := p.decide(t, "end-user", "jason"); d.Destination.Subset != want {
			t.Errorf("jason goes to %v; want subset %s", d.Destination, want)
		}
	}
	p.until(t, "of the first", serves("1.0.0"))
	jasons("v2")

	put(t, routes, shopManifest("1.1.0", "v1"))
	p.until(t, "of the second", serves("1.1.0"))
	jasons("v1")

	put(t, routes, strings.Replace(shopManifest("1.2.0", "v2"), "exact:", "exakt:", 1))
	p.until(t, "told of an error", func(*fairwayv1.Decision) bool { return strings.Contains(p.log.String(), "istio/shop.yaml:8") })
	if d := p.decide(t); d.RulesVersion != "1.1.0" {
		t.Errorf("after the error %v", d)
	}
	jasons("v1")

	put(t, routes, shopManifest("1.3.0", "v2"))
	p.until(t, "of the third", serves("1.3.0"))
	kept, err := filepath.Glob(filepath.Join(state, "loop-*", "rules"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("versions are kept in %q, %v", kept, err)
	}
	registry, err := model.OpenRulesDirectory(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	all, err := registry.List(t.Context())
	if err != nil || len(all) != 3 || all[0].Name != "1.0.0" || all[2].Name != "1.3.0" || !all[2].Latest || !strings.HasPrefix(all[2].Author, "fairwayd") {
		t.Fatalf("kept are %+v, %v", all, err)
	}
	if err := registry.RollBack(t.Context(), 3, 2, "by hand"); err != nil {
		t.Fatal(err)
	}
	p.until(t, "of the second again", serves("1.1.0"))
	jasons("v1")

	// The files still are those that were rolled back: they serve again when they change.
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, "--rules", dir, "--state", state, "--no-trial")
	p.until(t, "of the second after a restart", serves("1.1.0"))
	put(t, routes, shopManifest("1.4.0", "v2"))
	p.until(t, "of the fourth", serves("1.4.0"))
	jasons("v2")
}

// TestFindings: what is to be known of rules is logged once, and counted.
func TestFindings(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "fairway.yaml"), shopEndpoints)
	put(t, filepath.Join(dir, "shop.yaml"), shopManifest("tomorrow", "v2"))
	p := start(t, "--rules", dir, "--model", persistence(t), "--prometheus", "http://127.0.0.1:1")
	p.until(t, "of the rules", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "tomorrow" })
	put(t, filepath.Join(dir, "more.yaml"), "services: []\n")
	p.until(t, "told of the other rules", func(*fairwayv1.Decision) bool {
		return strings.Count(p.log.String(), "no semantic version") == 2 // once for each set
	})
	_, page := p.get(t, "/metrics")
	if !strings.Contains(page, `fairway_rules_findings_total{level="warning"} 6`) {
		t.Error("/metrics does not count the findings")
	}
}

// TestPublishedDirectory: a directory of versions is followed as a database is.
func TestPublishedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "versions")
	registry, err := model.OpenRulesDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(version string) {
		t.Helper()
		if _, err := registry.Publish(t.Context(), version, strings.Replace(tinyRules, `"7"`, version, 1)); err != nil {
			t.Fatal(err)
		}
	}
	publish("one")
	p := start(t, "--rules", dir, "--no-trial")
	p.until(t, "of one", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "one" })
	publish("two")
	p.until(t, "of two", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "two" })
	if err := registry.Promote(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	p.until(t, "of one again", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "one" })
	events, err := registry.Events(t.Context(), 0)
	if err != nil || events[len(events)-1].Kind != model.Promoted && events[len(events)-1].Kind != model.Adopted {
		t.Errorf("events %+v, %v", events, err)
	}
}
