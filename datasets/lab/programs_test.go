package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindPrograms(t *testing.T) {
	dir, later := t.TempDir(), t.TempDir()
	path := strings.Join([]string{"", ".", dir, later}, string(filepath.ListSeparator))
	place := func(dir, name string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	missing := func(want string) {
		t.Helper()
		if _, err := findPrograms(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error is %v; want one with %q and where was looked", err, want)
		}
	}
	missing("haproxy not found")
	missing("install the Debian package haproxy (apt-get install haproxy)")
	haproxy := place(dir, "haproxy", 0o755)
	place(later, "haproxy", 0o755)
	missing("install the Debian package prometheus (apt-get install prometheus)")
	place(dir, "prometheus", 0o644) // no program
	missing("prometheus not found")
	prometheus := place(later, "prometheus", 0o755)
	got, err := findPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"haproxy": haproxy, "prometheus": prometheus}, got); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
}

// TestRecordWithoutPrograms has a PATH on which at most HAProxy is found.
func TestRecordWithoutPrograms(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/prometheus"); err == nil {
		t.Skip("Prometheus is where it is always found")
	}
	t.Setenv("PATH", t.TempDir())
	cfg := smallConfig()
	cfg.Out = filepath.Join(t.TempDir(), "recording")
	_, err := Record(t.Context(), cfg, nil)
	if err == nil || !strings.Contains(err.Error(), "install the Debian package") {
		t.Errorf("error is %v", err)
	}
	if left := entries(t, filepath.Dir(cfg.Out)); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestVersion(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$1 of a program\"; echo more\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := version(t.Context(), program, "-v"); got != "-v of a program" {
		t.Errorf("version is %q", got)
	}
	if got := version(t.Context(), filepath.Join(t.TempDir(), "gone"), "-v"); got != "gone of unknown version" {
		t.Errorf("version of a program that is not there is %q", got)
	}
}
