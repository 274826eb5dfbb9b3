package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPlaceIsJudgedBeforeTheWork holds that nobody trains for minutes into a
// directory that is not there, and that no link or device is replaced.
func TestPlaceIsJudgedBeforeTheWork(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "file"): "make the directory first",
		dir:                              "is a directory",
		link:                             "no regular file",
		os.DevNull:                       "no regular file",
	} {
		for _, args := range [][]string{
			{"train", "--recording", "no/such", "--out", path},
			{"train", "--recording", "no/such", "--out", filepath.Join(dir, "m"), "--report", path},
			{"predict", "--recording", "no/such", "--model", "no/such", "--out", path},
			{"detect", "--in", "no/such", "--out", path},
		} {
			if _, _, err := call(t, args...); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("fairway %q says %v; want %q", args, err, want)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v (%v); want the link alone", left, err)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestOutputThatIsLostIsAFailure(t *testing.T) {
	rules := filepath.Join("..", "..", "datasets", "recordings", "rules.yaml")
	for _, args := range [][]string{
		{"replay", "--list"},
		{"rules", "check", rules},
		{"rules", "explain", "--rules", rules, "--service", "checkout"},
		{"inspect", shop(t, 5*time.Minute), "--schema", shopSchema(t)},
	} {
		if err := run(context.Background(), args, fullDisk{}, io.Discard); !errors.Is(err, errFull) {
			t.Errorf("fairway %q wrote to a full disk and says %v", args, err)
		}
	}
}
