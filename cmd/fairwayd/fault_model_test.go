package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/model"
)

// TestCorruptModels: models that are cut, rubbish, have a bit turned, or know other
// windows are put where the daemon looks for the next one. It says so and serves on
// what it has; a sound one is then served. (What model.Read refuses, its own tests say.)
func TestCorruptModels(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	path := persistenceOf(t, brisk)
	sound := read(t, path)
	p := start(t, "--prometheus", m.url, "--model", path, "--rules", m.rules, "--stale-after", "2s", "--no-trial", "--state", t.TempDir())
	a := newAsker(t, p.api, m)
	p.until(t, "the model's", modelled)
	turned := append([]byte(nil), sound...)
	turned[len(turned)/2] ^= 0x10
	refused := func() int { return strings.Count(p.log.String(), "msg=refused") }
	for _, test := range []struct {
		name string
		file []byte
	}{
		{"cut", sound[:len(sound)-9]},
		{"rubbish", []byte("rubbish")},
		{"a bit turned", turned},
		{"of other windows", read(t, persistenceOf(t, tiny))},
	} {
		before := refused()
		replace(t, path, test.file)
		eventually(t, "the daemon has said so: "+test.name, func() bool { return refused() > before })
		if d := p.decide(t); d.ModelVersion != "persistence" {
			t.Errorf("%s: the model is %q", test.name, d.ModelVersion)
		}
		p.until(t, "still the model's", modelled)
	}
	other, err := model.Load(persistenceOf(t, brisk))
	if err != nil {
		t.Fatal(err)
	}
	other.Name = "another"
	fresh := filepath.Join(t.TempDir(), "fresh.model")
	if err := model.Save(fresh, other); err != nil {
		t.Fatal(err)
	}
	replace(t, path, read(t, fresh))
	p.until(t, "of the sound model", func(d *fairwayv1.Decision) bool { return d.ModelVersion == "another" })
	a.stop()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
