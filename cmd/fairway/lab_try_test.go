package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// recipes are all examples that `fairway lab try` can run.
func recipes(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../../examples/*/recipe.yaml")
	if err != nil || len(found) < 3 {
		t.Fatalf("recipes: %v, %v", found, err)
	}
	return found
}

// TestRecipesOfExamples: every recipe can be read, and its templates executed.
func TestRecipesOfExamples(t *testing.T) {
	for _, path := range recipes(t) {
		dir := filepath.Dir(path)
		if _, err := lab.ReadRecipe(os.DirFS(dir)); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		info, err := os.Stat(filepath.Join(dir, "run"))
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: run is %v, %v; want a program", dir, info, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || !strings.Contains(string(text), "fails open") {
			t.Errorf("%s: README.md does not say how it fails open: %v", dir, err)
		}
	}
}

func TestLabTryRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"lab", "try"}, {"lab", "try", "a", "b"}, {"lab", "try", "nowhere"}, {"lab", "try", "nowhere", "--duration", "1s"}, {"lab", "try", "nowhere", "--load", "1"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q is taken: %s", args, &out)
		}
	}
}

// TestLabTry runs one proxy for some seconds, and looks at what is written, not at the
// figures.
func TestLabTry(t *testing.T) {
	recipe, err := lab.ReadRecipe(os.DirFS("../../examples/haproxy-spoe"))
	if err != nil {
		t.Fatal(err)
	}
	missing := recipe.Missing()
	if _, err := exec.LookPath("prometheus"); err != nil {
		missing = err
	}
	if missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	daemon, page := filepath.Join(dir, "fairwayd"), filepath.Join(dir, "try.html")
	build := exec.Command("go", "build", "-o", daemon, "../fairwayd")
	build.Env = append(os.Environ(), "XDG_CACHE_HOME=") // not the empty one that TestMain makes
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var out, said bytes.Buffer
	args := []string{"lab", "try", "../../examples/haproxy-spoe", "--duration", "5s", "--load", "0.1", "--daemon", daemon, "--out", page}
	if err := run(t.Context(), args, &out, &said); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(rows) != 7 {
		t.Fatalf("%d rows; want a head and three phases of two runs:\n%s", len(rows), &out)
	}
	row := regexp.MustCompile(`^ *(before|during|after) +(the proxy alone|with fairway) +[1-9]\d* +\d+ +\d+ +\d+ +\d+ +[\d.]+$`)
	for _, text := range rows[1:] {
		if !row.MatchString(strings.TrimRight(text, " ")) {
			t.Errorf("no row: %q", text)
		}
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(html, []byte("<svg viewBox=\"0 0 360")); n != 3 || !bytes.Contains(html, []byte("HAProxy (SPOE), before and after")) {
		t.Errorf("%d pictures; want 3, and the title", n)
	}
}
