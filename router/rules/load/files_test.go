package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lay writes files below a directory; a text "-> x" is a link to x.
func lay(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := error(nil)
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(t testing.TB, files []file) (all []string) {
	t.Helper()
	for _, f := range files {
		all = append(all, filepath.ToSlash(f.name)+"="+string(f.text))
	}
	return all
}

// TestReadDirectory: what of a directory is rules, and in which order.
func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{
		"b.yaml": "b", "a/z.yml": "z", "a/README.md": "no", "c.json": "c", ".hidden.yaml": "no", ".git/x.yaml": "no", "none/notes.txt": "no",
		"..data": "-> ..v1", "..v1/mounted.yaml": "m", "mounted.yaml": "-> ..data/mounted.yaml", // as Kubernetes mounts a config map
	})
	name, text, err := Read(dir)
	if err != nil || name != dir {
		t.Fatal(name, err)
	}
	files, err := unbundle("r", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"r/a/z.yml=z", "r/b.yaml=b", "r/c.json=c", "r/mounted.yaml=m"}
	if diff := cmp.Diff(want, names(t, files)); diff != "" {
		t.Error(diff)
	}
	linked := filepath.Join(t.TempDir(), "linked")
	lay(t, filepath.Dir(linked), map[string]string{"linked": "-> " + dir})
	if _, again, err := Read(linked); err != nil || string(again) != string(text) {
		t.Errorf("by a link: %v, %q; want the same", err, again)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"empty/notes.txt": "", "loop/a.yaml": "", "loop/b": "-> .", "gone/a.yaml": "-> nowhere"})
	for path, want := range map[string]string{"empty": "no rules", "loop": "b is a link to a directory", "gone": "no such file", "missing": "no such file"} {
		if _, _, err := Read(filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", path, err, want)
		}
	}
	if _, _, err := Read(filepath.Join(dir, "empty")); !errors.Is(err, ErrNone) {
		t.Errorf("%v; want ErrNone", err)
	}
}

// TestReadSeveral: a file alone is its own text whatever it is called, and several are
// called by the directory that all are in.
func TestReadSeveral(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"rules": "alone", "x/a.yaml": "a", "x/y/b.yaml": "b"})
	own := filepath.Join(dir, "rules")
	if name, text, err := Read(own); err != nil || name != own || string(text) != "alone" {
		t.Errorf("%q, %q, %v", name, text, err)
	}
	name, text, err := Read(filepath.Join(dir, "x/y"), filepath.Join(dir, "x/a.yaml"))
	if err != nil || name != filepath.Join(dir, "x") {
		t.Fatalf("%q, %v; want %s/x", name, err, dir)
	}
	files, err := unbundle("", text)
	if diff := cmp.Diff([]string{"y/b.yaml=b", "a.yaml=a"}, names(t, files)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestBundleIsRead: whatever files hold, they are found again.
func TestBundleIsRead(t *testing.T) {
	all := []file{{"d/a \"b\".yaml", []byte("x: 1\n")}, {"d/empty", nil}, {"d/e/ü\n.json", []byte("# file \"z\" of 3 bytes\nno end")}}
	text := bundle("d", all)
	if got, err := unbundle("d", text); err != nil || fmt.Sprint(got) != fmt.Sprint(all) {
		t.Errorf("%q, %v", got, err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"3 files", "4 files", ":10: "}, {"3 files", "2 files", ":7: more"}, {"3 files", "-1 files", ":1: "}, {"3 files", "x", ":1: "},
		{"5 bytes", "500 bytes", ":2: file"}, {"5 bytes", "4 bytes", ":4: "}, {"5 bytes", "-5 bytes", ":2: "}, {"# file \"a", "# fil \"a", ":2: "},
	} {
		if _, err := unbundle("d", []byte(strings.Replace(string(text), c.from, c.to, 1))); err == nil || !strings.HasPrefix(err.Error(), "d"+c.want) {
			t.Errorf("with %q for %q: %v; want d%s…", c.to, c.from, err, c.want)
		}
	}
}
