package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabSimulate: equal seeds give equal recordings, others do not, and what
// was recorded can be inspected and learned from.
func TestLabSimulate(t *testing.T) {
	folder := t.TempDir()
	simulate := func(name, seed string) string {
		dir := filepath.Join(folder, name)
		mustCall(t, "lab", "simulate", "--scenario", "basic", "--scale", "0.3", "--duration", "12m", "--seed", seed, "--out", dir)
		return dir
	}
	a, b, c := simulate("a", "1"), simulate("b", "1"), simulate("c", "2")
	for _, name := range []string{"manifest.json", "metrics.om.gz", "requests.csv.gz", "faults.csv"} {
		read := func(dir string) []byte {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		if !bytes.Equal(read(a), read(b)) {
			t.Errorf("%s of two runs with one seed differ", name)
		}
		if name != "faults.csv" && bytes.Equal(read(a), read(c)) {
			t.Errorf("%s of two seeds are equal", name)
		}
	}
	made := "fairway lab simulate --scenario basic --duration 12m0s --scale 0.3 --seed 1"
	if manifest, err := os.ReadFile(filepath.Join(a, "manifest.json")); err != nil || !bytes.Contains(manifest, []byte(made)) {
		t.Errorf("the manifest does not say %q: %v", made, err)
	}
	text := mustCall(t, "inspect", a)
	for _, want := range []string{"12 of 12 series", "10 endpoints", "shares vary", "with the probability of their endpoint"} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect does not say %q:\n%s", want, text)
		}
	}
	mustCall(t, "train", "--recording", a, "--out", filepath.Join(folder, "model"), "--seed", "1")
}

func TestLabSimulateRefuses(t *testing.T) {
	exists := t.TempDir()
	for _, c := range []struct {
		want   string
		status int
		args   []string
	}{
		{"--scenario", 2, []string{"--out", "x"}},
		{"one of", 2, []string{"--scenario", "basic", "--random", "1", "--out", "x"}},
		{"--meshes", 2, []string{"--meshes", "0", "--out", "x"}},
		{"--failing", 2, []string{"--failing", "--scenario", "basic", "--out", "x"}},
		{"exists already", 1, []string{"--meshes", "1", "--out", exists}},
		{"--out", 2, []string{"--scenario", "basic"}},
		{"use one of", 2, []string{"--scenario", "nothing", "--out", "x"}},
		{"--scale", 2, []string{"--scenario", "basic", "--scale", "0", "--out", "x"}},
		{"warm_up", 2, []string{"--scenario", "basic", "--duration", "1s", "--out", "x"}},
		{"exists already", 1, []string{"--scenario", "basic", "--out", exists}},
	} {
		_, _, err := call(t, append([]string{"lab", "simulate"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != c.status {
			t.Errorf("%q: %v (status %d); want %q, status %d", c.args, err, exitStatus(err), c.want, c.status)
		}
	}
}

// TestLabSimulateFailing: a failing mesh is another one than that of the same
// seed that is not, is for what its seed is for, and is recorded again as it was.
func TestLabSimulateFailing(t *testing.T) {
	folder := t.TempDir()
	all, one := filepath.Join(folder, "all"), filepath.Join(folder, "one")
	mustCall(t, "lab", "simulate", "--failing", "--meshes", "1", "--seed", "6000003", "--out", all)
	mustCall(t, "lab", "simulate", "--failing", "--random", "6000003", "--out", one)
	for _, name := range []string{"manifest.json", "metrics.om.gz", "faults.csv"} {
		a, err := os.ReadFile(filepath.Join(all, "mesh-6000003", name))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(one, name)); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", name, err)
		}
		for want, file := range map[string]string{"--failing --random 6000003": "manifest.json", `"part": "test"`: "manifest.json", "severity,fails": "faults.csv"} {
			if file == name && !bytes.Contains(a, []byte(want)) {
				t.Errorf("%s does not say %s", name, want)
			}
		}
	}
}

// TestLabSimulateMeshes: many meshes are those of their seeds, one by one.
func TestLabSimulateMeshes(t *testing.T) {
	folder := t.TempDir()
	mustCall(t, "lab", "simulate", "--meshes", "3", "--seed", "2000000", "--out", filepath.Join(folder, "all"))
	mustCall(t, "lab", "simulate", "--random", "2000001", "--out", filepath.Join(folder, "one"))
	for _, name := range []string{"manifest.json", "metrics.om.gz", "faults.csv"} {
		a, err := os.ReadFile(filepath.Join(folder, "all", "mesh-2000001", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(folder, "one", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", name)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "all", "mesh-2000001", "requests.csv.gz")); err == nil {
		t.Error("requests were written down")
	}
	if text := mustCall(t, "inspect", filepath.Join(folder, "all", "mesh-2000000")); !strings.Contains(text, "shares vary") {
		t.Errorf("inspect does not say that shares vary:\n%s", text)
	}
}
