package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

// beWriter is the variable that makes a writer, to a directory, of the test's program.
const beWriter = "FAIRWAY_CACHE_TEST_WRITES_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(beWriter); dir != "" {
		writeOn(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// writeOn writes entries of growing versions until it is killed. It says each version
// that the disk has taken.
func writeOn(dir string) {
	disk := NewDisk(dir, DefaultConfig())
	version := 0
	if text, err := disk.Get(context.Background(), "k"); err == nil {
		if e, err := unseal(text, "", "k"); err == nil {
			version, _ = strconv.Atoi(e.Version)
		}
	}
	for {
		version++
		e := versioned(version)
		if err := disk.Put(context.Background(), "k", e.Time, seal(e, "")); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(version)
	}
}

// versioned is an entry of a size of its own.
func versioned(version int) Entry {
	text := strconv.Itoa(version)
	return Entry{Key: "k", Version: text, Time: time.Unix(1e9+int64(version), 0), Value: bytes.Repeat([]byte(text+" "), 1000+version*7919%50_000)}
}

// TestKilledWhileWriting kills a process that writes, at random moments: each time what
// is read is whole, and no older than what was written last.
func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	dice := rand.New(rand.NewPCG(1, 2))
	begun := 0
	for range 60 {
		said := &bytes.Buffer{}
		writer := exec.Command(os.Args[0])
		writer.Env = append(os.Environ(), beWriter+"="+dir)
		writer.Stdout = said
		writer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(dice.IntN(50)) * time.Millisecond) // the random moment, not a wait for anything
		_ = writer.Process.Kill()
		_ = writer.Wait() // says "signal: killed"
		written := 0
		for line := range strings.Lines(said.String()) {
			version, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("the writer says %q", line)
			}
			written = version
		}
		text, err := NewDisk(dir, DefaultConfig()).Get(t.Context(), "k")
		if errors.Is(err, ErrNone) && written == 0 {
			continue
		}
		e, wrong := unseal(text, "", "k")
		if err != nil || wrong != nil {
			t.Fatalf("after version %d: %v, %v", written, err, wrong)
		}
		version, _ := strconv.Atoi(e.Version)
		if want := versioned(version); version < written || !bytes.Equal(e.Value, want.Value) {
			t.Fatalf("after version %d there is %s, of %d bytes", written, e.Version, len(e.Value))
		}
		begun = version
	}
	t.Logf("%d versions were written", begun)
	if begun == 0 {
		t.Error("nothing was ever written")
	}
	remnants, err := filepath.Glob(filepath.Join(dir, writing+"*"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d remnants are left", len(remnants))
}

// TestFullDisk writes to a disk that is full: memory serves on, what was written before
// stays whole, and once there is room the newest is written.
func TestFullDisk(t *testing.T) {
	dir := small(t)
	filler := filepath.Join(dir, "filler")
	cfg := patient()
	cfg.Settle, cfg.Retry, cfg.RetryMost = time.Millisecond, time.Millisecond, 10*time.Millisecond
	disk := NewDisk(filepath.Join(dir, "cache"), cfg)
	c := newCache(t, cfg, disk)
	stop := running(t, c)
	defer stop()
	values := make(chan []byte, 1)
	values <- []byte("before")
	c.Keep("k", func(context.Context) ([]byte, string, error) {
		select {
		case v := <-values:
			return v, "", nil
		default:
			return nil, "", ErrNothing
		}
	})
	onDisk := func() string {
		text, err := disk.Get(t.Context(), "k")
		if err != nil {
			return err.Error()
		}
		e, err := unseal(text, "", "k")
		if err != nil {
			return err.Error()
		}
		return string(e.Value)
	}
	eventually(t, "the disk has the first", func() bool { return onDisk() == "before" })
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	large := bytes.Repeat([]byte("meanwhile "), 10_000)
	values <- large
	c.Touch("k")
	eventually(t, "the error is counted", func() bool { return testutil.ToFloat64(c.metrics.errors.WithLabelValues("disk")) > 0 })
	if e, ok := c.Get(t.Context(), "k"); !ok || !bytes.Equal(e.Value, large) {
		t.Errorf("memory has %d bytes, %v", len(e.Value), ok)
	}
	if is := onDisk(); is != "before" {
		t.Errorf("the disk has %.20q", is)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the disk has the next", func() bool { return onDisk() == string(large) })
	files, err := os.ReadDir(filepath.Join(dir, "cache"))
	if err != nil || len(files) != 1 {
		t.Errorf("there are %v, %v", files, err)
	}
}

// small is a directory on a disk of 1 MiB.
func small(t *testing.T) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestInTheWay leaves nothing behind where something that is no entry is in the way.
func TestInTheWay(t *testing.T) {
	dir := t.TempDir()
	disk := NewDisk(dir, DefaultConfig())
	e := versioned(1)
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, fileName("directory")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.Put(t.Context(), "directory", e.Time, seal(e, "")); err == nil {
		t.Error("an entry took the place of a directory")
	}
	file := filepath.Join(dir, fileName("k"))
	if err := NewDisk(file, DefaultConfig()).Put(t.Context(), "k", e.Time, nil); err == nil {
		t.Error("an entry was written below a file")
	}
	if remnants, _ := filepath.Glob(filepath.Join(dir, writing+"*")); len(remnants) > 0 {
		t.Errorf("there are remnants: %v", remnants)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}
