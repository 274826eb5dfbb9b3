package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/replay/tune"
)

// TestTune: what is found is written for `bench routing --tuned`, with the
// command that found it.
func TestTune(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tuned.yaml")
	out := mustCall(t, "tune", "--policies", "load_interpretation,static", "--meshes", "2", "--budget", "8", "--out", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tune.Read(file, text)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Strategies) != 2 || r.Meshes != 2 || r.Budget != 8 || r.Strategies[0].Loss > r.Strategies[0].Default || !strings.HasPrefix(r.Strategies[0].Strategy, "load_interpretation") {
		t.Errorf("it wrote %s", text)
	}
	for _, s := range r.Strategies {
		if !strings.Contains(out, s.Strategy) {
			t.Errorf("it does not tell %s: %s", s.Strategy, out)
		}
	}
}

func TestTuneRefuses(t *testing.T) {
	out := filepath.Join(t.TempDir(), "tuned.yaml")
	for _, c := range []struct{ want, args string }{
		{"--policies", "--out " + out},
		{"--out", "--policies pid"},
		{"meshes are 0", "--policies pid --meshes 0 --out " + out},
		{"budget", "--policies pid --meshes 4 --budget 7 --out " + out},
		{"no strategy", "--policies nothing --out " + out},
	} {
		_, _, err := call(t, append([]string{"tune"}, strings.Fields(c.args)...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != 2 {
			t.Errorf("%s: %v; want %q and a wrong call", c.args, err, c.want)
		}
	}
}
