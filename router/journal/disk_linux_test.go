package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a small one of its own.
func disk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	path := t.TempDir()
	if err := unix.Mount("none", path, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
	return path
}

// TestDiskFull: Append goes on, what is lost is counted, and once a reader has
// made room what waited is written, once, without a trace of the failure.
func TestDiskFull(t *testing.T) {
	path := disk(t, "64k")
	cfg := small()
	cfg.MaxBytes = 128 << 10 // eight segments, of which four fit
	told := make(chan error, 100)
	cfg.Trouble = func(err error) { told <- err }
	j, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 { // no more than fills it twice
		if !j.Append(outcome(1)) {
			j.Flush(t.Context())
		}
	}
	if err := <-told; !errors.Is(err, unix.ENOSPC) {
		t.Errorf("told %v", err)
	}
	for range 1000 {
		j.Append(outcome(1))
	}
	if s := j.Stats(); s.Dropped.Disk == 0 || !errors.Is(s.Err, unix.ENOSPC) {
		t.Errorf("%+v", s)
	}
	r := reader(t, j) // a database takes what is there, which makes room
	seq := uint64(0)
	take := func() {
		for _, record := range next(t, r) {
			if seq++; record.Seq != seq {
				t.Fatalf("%d follows %d", record.Seq, seq-1)
			}
		}
		if err := r.Acknowledge(); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	for well := false; !well; {
		take()
		select {
		case err := <-told:
			well = err == nil
		case <-time.After(time.Millisecond):
		}
	}
	j.Append(pick())
	flush(t, j)
	take()
	if s := j.Stats(); seq != s.Written || s.Appended != s.Written+s.Dropped.Total() || s.Dropped.Oldest != 0 || s.Err != nil {
		t.Errorf("%d came through, %+v", seq, s)
	}
	r.Close()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if temporary, _ := filepath.Glob(filepath.Join(path, positionFile+".*")); len(temporary) > 0 {
		t.Errorf("%v are left", temporary)
	}
}
