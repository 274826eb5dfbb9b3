package main

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// small mounts a file system of a few hundred kilobytes. Only root may, so that
// elsewhere the test is skipped.
func small(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("no file system of its own can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// TestDiskFull: the state directory, and the journal in it, are on a disk that
// fills up. Decisions go on, changes are taken, the log says what was not kept; a
// restart in the midst of it serves; and once there is room all is kept again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	m, state := newLab(t), small(t)
	api, admin := porttest.Address(t), porttest.Address(t)
	p := startChild(t, api, admin, "--prometheus", m.url, "--model", persistenceOf(t, brisk), "--rules", m.rules, "--stale-after", "2s", "--state", state, "--no-trial")
	t.Cleanup(p.kill) // before the disk goes
	a := newAsker(t, api, m)
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })

	ballast := filepath.Join(state, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	_, c := dialed(t, api)
	now := &program{client: c, log: p.log}
	inForce := func(version string) func() bool {
		return func() bool { return now.decide(t).RulesVersion == version }
	}
	replace(t, m.rules, []byte(m.rulesOf("8")))
	eventually(t, "the rules are taken up, though they cannot be kept", inForce("8"))
	eventually(t, "the log says that there is no room", func() bool { return strings.Contains(p.log.String(), "no space left") })
	modelled := a.meter.source("MODEL")
	eventually(t, "the model goes on", func() bool { return a.meter.source("MODEL") > modelled+50 })

	if err := p.end(); err != nil {
		t.Errorf("with a full disk the daemon ended with %v", err)
	}
	p.run(t)
	modelled = a.meter.source("MODEL")
	eventually(t, "the model answers after a restart on a full disk", func() bool { return a.meter.source("MODEL") > modelled+50 })

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	replace(t, m.rules, []byte(m.rulesOf("9")))
	eventually(t, "the rules are taken up", inForce("9"))
	want := base64.StdEncoding.EncodeToString([]byte(m.rulesOf("9"))) // as JSON has bytes
	eventually(t, "and kept", func() bool {
		kept := false
		_ = filepath.WalkDir(state, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				text, _ := os.ReadFile(path) // it may have been replaced meanwhile
				kept = kept || strings.Contains(string(text), want)
			}
			return nil
		})
		return kept
	})
	a.stop()
	if err := p.end(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}
