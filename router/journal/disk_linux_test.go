package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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

// TestDiskFull: Append goes on, what is lost is counted, and once there is room
// again what waited is written, without a trace of the failure.
func TestDiskFull(t *testing.T) {
	path := disk(t, "64k")
	cfg := small()
	cfg.MaxBytes = 1 << 20
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
	before := len(whole(t, path))
	r := reader(t, j) // a database is there again
	for {
		batch, err := r.Next(nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		before -= len(batch)
		if err := r.Acknowledge(); !errors.Is(err, unix.ENOSPC) && err != nil {
			t.Fatal(err)
		}
	}
	if before != 0 {
		t.Errorf("%d entries more, or less, came through the reader", before)
	}
	r.Close()
	oldest, err := following(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segmentPath(path, oldest)); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Errorf("told %v; want that all is well", err)
	}
	for _, err := range Read(path) {
		if err != nil {
			t.Error(err)
		}
	}
	j.Append(pick())
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if s := j.Stats(); s.Appended != s.Written+s.Dropped.Total()-s.Dropped.Oldest || s.Err != nil {
		t.Errorf("%+v", s)
	}
	if temporary, _ := filepath.Glob(filepath.Join(path, positionFile+".*")); len(temporary) > 0 {
		t.Errorf("%v are left", temporary)
	}
	if all := whole(t, path); all[len(all)-1].Kind != Pick {
		t.Errorf("the last is %+v", all[len(all)-1])
	}
}
