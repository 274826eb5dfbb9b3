package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"first", "second, which is longer", ""} {
		if err := WriteText(path, 0o640, []byte(text)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode is %v (%v), want 0640 whatever the umask", info.Mode(), err)
	}
}

// TestWriteFails holds that what was there stays, and nothing else is left.
func TestWriteFails(t *testing.T) {
	full := errors.New("no space")
	for name, write := range map[string]func(io.Writer) error{
		"at once":       func(io.Writer) error { return full },
		"in the middle": func(w io.Writer) error { _, err := w.Write([]byte("half")); return errors.Join(err, full) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := WriteText(path, 0o600, []byte("before")); err != nil {
				t.Fatal(err)
			}
			if err := Write(path, 0o600, write); !errors.Is(err, full) {
				t.Errorf("error is %v", err)
			}
			holds(t, path, "before")
			alone(t, path)
		})
	}
}

// TestWriteInTheWay holds that a name that cannot be taken leaves nothing behind.
func TestWriteInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Join(path, "not empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteText(path, 0o600, []byte("text")); err == nil {
		t.Error("a file took the place of a directory")
	}
	alone(t, path)
	if err := WriteText(filepath.Join(path, "nowhere", "file"), 0o600, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want one of a directory that does not exist", err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside %s: %v (%v)", path, entries, err)
	}
}

// TestLock: one at a time, whoever holds it; what is released, or was held by a process
// that is gone, is there for the next.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Lock(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("there is no flock")
	}
	if _, err := Lock(path, 0o600); err == nil {
		t.Error("two hold it")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = Lock(path, 0o600); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := Lock(filepath.Join(path, "x"), 0o600); err == nil {
		t.Error("what is no directory holds a lock")
	}
}
