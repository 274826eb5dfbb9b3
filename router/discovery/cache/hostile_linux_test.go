package cache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestWhatIsNoEntry reads nothing of what lies in place of an entry, waits for none of
// it, and puts the next entry in its place.
func TestWhatIsNoEntry(t *testing.T) {
	for name, lay := range map[string]func(path string) error{
		"ten gigabytes": func(path string) error {
			if err := os.WriteFile(path, []byte(summed), 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 10<<30) // sparse
		},
		"a pipe":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a link to nowhere":  func(path string) error { return os.Symlink("nowhere", path) },
		"a link to itself":   func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"a socket": func(path string) error {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer syscall.Close(fd)
			return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "cache") // the path of a socket has to be short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			if err := lay(filepath.Join(dir, fileName("k"))); err != nil {
				t.Fatal(err)
			}
			cfg := patient()
			disk := NewDisk(dir, cfg)
			c := newCache(t, cfg, disk)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if e, ok := c.Get(t.Context(), "k"); ok {
				t.Errorf("got %d bytes", len(e.Value))
			}
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("it took %d bytes of memory", took)
			}
			if n := testutil.ToFloat64(c.metrics.dropped.WithLabelValues("disk", "foreign")); n != 1 {
				t.Errorf("%v were counted", n)
			}
			e := versioned(1)
			if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
				t.Fatal(err)
			}
			if got, ok := c.Get(t.Context(), "k"); !ok || got.Version != "1" {
				t.Errorf("afterwards: %+v, %v", got, ok)
			}
		})
	}
}

// TestManyFiles bears a directory in which there are far more than ours.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 5000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("other-", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remnant := filepath.Join(dir, writing+"remnant")
	if err := os.WriteFile(remnant, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(remnant, long, long); err != nil {
		t.Fatal(err)
	}
	disk := NewDisk(dir, DefaultConfig())
	e := versioned(1)
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(remnant); !os.IsNotExist(err) {
		t.Errorf("a remnant among them is left: %v", err)
	}
	if text, err := disk.Get(t.Context(), "k"); err != nil || string(text) != string(seal(e, "")) {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
}

// TestReadOnly reads from a disk that takes nothing, and serves on from memory.
func TestReadOnly(t *testing.T) {
	dir := small(t)
	cfg := patient()
	cfg.Settle, cfg.Retry, cfg.RetryMost = time.Millisecond, time.Millisecond, 10*time.Millisecond
	disk := NewDisk(filepath.Join(dir, "cache"), cfg)
	e := versioned(1)
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"cache", "not there yet"} {
		c := newCache(t, cfg, NewDisk(filepath.Join(dir, at), cfg))
		if e, ok := c.Get(t.Context(), "k"); ok != (at == "cache") || ok && e.Version != "1" {
			t.Errorf("%s: got %+v, %v", at, e, ok)
		}
		stop := running(t, c)
		c.Keep("k", func(context.Context) ([]byte, string, error) { return []byte("new"), "2", nil })
		eventually(t, "memory has the next", func() bool { e, ok := c.Get(t.Context(), "k"); return ok && e.Version == "2" })
		eventually(t, "the error is counted", func() bool { return testutil.ToFloat64(c.metrics.errors.WithLabelValues("disk")) > 0 })
		stop()
	}
}

// TestNotOurs uses no directory that others can write to, unless they cannot forge what
// is in it.
func TestNotOurs(t *testing.T) {
	key := keyOf("a")
	for name, c := range map[string]struct {
		mode  os.FileMode
		owner int
		keys  [][]byte
		want  string // of the error; empty: it is used
	}{
		"ours":                         {0o700, 0, nil, ""},
		"open to our group":            {0o770, 0, nil, ""},
		"open to all":                  {0o777, 0, nil, "everybody"},
		"open to all, signed":          {0o777, 0, [][]byte{key}, ""},
		"somebody else's":              {0o700, 12345, nil, "user 12345"},
		"somebody else's, signed":      {0o700, 12345, [][]byte{key}, ""},
		"somebody else's, open to all": {0o777, 12345, nil, "user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.owner != 0 && os.Geteuid() != 0 {
				t.Skip("only root can give a directory to somebody else")
			}
			dir := t.TempDir()
			cfg := DefaultConfig()
			cfg.Keys = c.keys
			e := versioned(1)
			if err := NewDisk(dir, cfg).Put(t.Context(), "k", e.Time, seal(e, "", c.keys...)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.owner != 0 {
				if err := os.Chown(dir, c.owner, c.owner); err != nil {
					t.Fatal(err)
				}
			}
			_, err := NewDisk(dir, cfg).Get(t.Context(), "k")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if c.owner != 0 {
				return
			}
			// Where it is ours it is shut with the first that is written.
			disk := NewDisk(dir, cfg)
			if err := disk.Put(t.Context(), "k", e.Time, seal(e, "", c.keys...)); err != nil {
				t.Fatal(err)
			}
			if _, err := disk.Get(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOneDirectory: of two processes that write to one directory each reads what the
// other has written, whole, and no entry ever takes the place of a newer one.
func TestOneDirectory(t *testing.T) {
	dir, begun := t.TempDir(), time.Now()
	const each = 100
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			disk := NewDisk(dir, DefaultConfig())
			for i := range each {
				at := begun.Add(time.Duration(2*((i*37)%each)+w) * time.Microsecond)
				e := Entry{Key: "k", Version: at.Sub(begun).String(), Time: at, Value: make([]byte, 1000*(i%5))}
				if err := disk.Put(context.Background(), "k", at, seal(e, "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	defer writers.Wait()
	done := make(chan struct{})
	go func() { defer close(done); writers.Wait() }()
	newest := time.Time{}
	reader := NewDisk(dir, DefaultConfig())
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		text, err := reader.Get(t.Context(), "k")
		if err == ErrNone && newest.IsZero() {
			continue
		}
		e, wrong := unseal(text, "", "k")
		if err != nil || wrong != nil {
			t.Fatal(err, wrong)
		}
		if e.Time.Before(newest) {
			t.Fatalf("it went back from %v to %v", newest.Sub(begun), e.Time.Sub(begun))
		}
		newest = e.Time
	}
	if want := begun.Add((2*each - 1) * time.Microsecond); !newest.Equal(want) {
		t.Errorf("in the end there is %v, want %v", newest.Sub(begun), want.Sub(begun))
	}
}

// TestWriterThatStopped does not wait for ever for a process that holds the directory.
func TestWriterThatStopped(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	release, err := turn(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	disk, e := NewDisk(dir, DefaultConfig()), versioned(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := disk.Put(ctx, "k", e.Time, seal(e, "")); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	release()
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Error(err)
	}
}
