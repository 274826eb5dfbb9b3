package model

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDirectoriesStayInStep has two programs watch one directory: both are told
// of each change, of what is damaged, and that it is well again.
func TestDirectoriesStayInStep(t *testing.T) {
	path := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	watching, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	var seen []chan Version
	var told []chan error
	for range 2 {
		d, versions, troubles := open(t, path), make(chan Version, 100), make(chan error, 100)
		d.Poll, d.Trouble = time.Millisecond, func(err error) { troubles <- err }
		seen, told = append(seen, versions), append(told, troubles)
		go func() { ended <- d.Watch(watching, func(v Version) { versions <- v }) }()
	}
	tells := func(want Version) {
		t.Helper()
		for i := range seen {
			select {
			case v := <-seen[i]:
				if v != want {
					t.Errorf("program %d was told of %d; want %d", i, v, want)
				}
			case <-ctx.Done():
				t.Fatalf("program %d was not told of %d", i, want)
			}
		}
	}
	d := open(t, path)
	publish(t, d, "first")
	tells(1)
	publish(t, d, "second")
	tells(2)
	damaged := filepath.Join(t.TempDir(), "damaged") // renamed: nobody is to see it half written
	if err := os.WriteFile(damaged, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(damaged, filepath.Join(path, pointer)); err != nil {
		t.Fatal(err)
	}
	for _, troubles := range told {
		if err := <-troubles; err == nil {
			t.Error("told that all is well with a damaged latest")
		}
	}
	if err := d.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	tells(1)
	for _, troubles := range told {
		if err := <-troubles; err != nil {
			t.Errorf("told %v after it was mended", err)
		}
	}
	stop()
	for range seen {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a watch ended with %v; want the context's error", err)
		}
	}
}
