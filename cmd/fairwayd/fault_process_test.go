package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/model"
)

// replace puts a file in the place of another at once.
func replace(t testing.TB, path string, text []byte) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh")
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

// TestKilled: the daemon is killed at random instants under load while it is given
// other rules and broken ones, and started again on the same state. It serves each
// time, nothing of its state is refused, and those who ask are answered throughout.
func TestKilled(t *testing.T) {
	t.Parallel()
	const kills = 6
	m, state := newLab(t), t.TempDir()
	registry := filepath.Join(t.TempDir(), "models")
	publish(t, registry, persistenceOf(t, brisk))
	api, admin := porttest.Address(t), porttest.Address(t)
	p := startChild(t, api, admin, "--prometheus", m.url, "--model", registry, "--rules", m.rules, "--stale-after", "2s", "--state", state, "--no-trial")
	a := newAsker(t, api, m)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		eventually(t, "the daemon answers", func() bool { return a.meter.source("MODEL") > 0 })
		if i%2 == 0 {
			replace(t, m.rules, []byte(m.rulesOf(string(rune('a'+i)))))
		} else {
			publish(t, registry, persistenceOf(t, brisk))
		}
		time.Sleep(time.Duration(dice.IntN(1500)) * time.Millisecond) // the random instant, not a wait for anything
		p.kill()
		p.run(t)
		daemon := a.meter.count(a.meter.decides, client.Daemon)
		eventually(t, "the daemon answers again", func() bool { return a.meter.count(a.meter.decides, client.Daemon) > daemon })
	}
	modelled := a.meter.source("MODEL")
	eventually(t, "the model answers again", func() bool { return a.meter.source("MODEL") > modelled+20 })
	a.stop()
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("after a kill: %s", line)
		}
	}
	if err := p.end(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// publish puts the model of a file into the registry in a directory.
func publish(t testing.TB, registry, path string) {
	t.Helper()
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	m.Card.MadeBy = time.Now().Format(time.RFC3339Nano) // another one each time
	d, err := model.OpenDirectory(registry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// TestBrokenRules: rules with an error change nothing and are said; mended, they
// are taken up.
func TestBrokenRules(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	p := startBrisk(t, m.url, m, "--no-trial", "--state", t.TempDir())
	a := newAsker(t, p.api, m)
	p.until(t, "the model's", modelled)
	for i, broken := range []string{"services: [", "services:\n  - name: shop\n    endpoinds: []\n", "\x00\xff", strings.Repeat("a: &a [*a]\n", 10)} {
		replace(t, m.rules, []byte(broken))
		eventually(t, "the daemon has said so", func() bool {
			return strings.Count(p.log.String(), "level=ERROR")+strings.Count(p.log.String(), "level=WARN") > i
		})
		if d := p.decide(t); d.RulesVersion != "7" {
			t.Errorf("by %q the rules became %q", broken, d.RulesVersion)
		}
		holds(t, p, "with broken rules")
	}
	replace(t, m.rules, []byte(m.rulesOf("8")))
	eventually(t, "the mended rules are in force", func() bool { return p.decide(t).RulesVersion == "8" })
	a.stop()
}

// TestEndpointsVanish: every endpoint stops to be known to Prometheus and to
// answer, and all come back.
func TestEndpointsVanish(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	l := newLiar(t, m.url)
	p := start(t, "--prometheus", l.url, "--model", persistenceOf(t, brisk), "--stale-after", "2s", "--state", t.TempDir()) // no rules: the metrics alone name endpoints
	a := newAsker(t, p.api, m)                                                                                              // which knows endpoints before the daemon does
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })
	l.says(lies[7].lie) // nothing
	p.until(t, "stale", because("stale"))
	l.says(nil)
	p.until(t, "the model's again", modelled)
	a.stop()
}
