package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity"
)

func fairway(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), err
}

// TestKeepIssued renews again and again, also after an error, until it is ended.
func TestKeepIssued(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var errs bytes.Buffer
	times := 0
	keepIssued(ctx, &errs, 60*time.Millisecond, func() error {
		switch times++; times {
		case 2:
			return errors.New("disk full")
		case 4:
			stop()
		}
		return nil
	})
	if times != 4 || !strings.Contains(errs.String(), "disk full") {
		t.Errorf("issued %d times, said %q", times, &errs)
	}
}

// TestIdentity: issue, show and trust agree, and what was issued can be used.
func TestIdentity(t *testing.T) {
	state, out := t.TempDir(), filepath.Join(t.TempDir(), "proxy-a")
	for _, command := range []string{"show", "trust"} {
		if _, err := fairway(t, "identity", command, "--state", state); err == nil || !strings.Contains(err.Error(), "no authority") {
			t.Errorf("%s without an authority: %v", command, err)
		}
	}
	const id = "spiffe://fairway.local/proxy-a"
	if got, err := fairway(t, "identity", "issue", "--state", state, "--id", id, "--out", out, "--host", "proxy.example"); err != nil || !strings.HasPrefix(got, id+" until ") {
		t.Fatalf("%q, %v", got, err)
	}
	cfg := identity.DefaultConfig().Folder(out)
	cfg.Clock = time.Now
	source, err := identity.Open(context.Background(), cfg)
	if err != nil || source.Held().Name != id {
		t.Fatalf("%v, %v", source, err)
	}
	trust, err := fairway(t, "identity", "trust", "--state", state)
	if file, _ := os.ReadFile(filepath.Join(out, "ca.pem")); err != nil || trust != string(file) {
		t.Errorf("trust: %v, other than the folder's", err)
	}
	serial := source.Held().Certificate.Leaf.SerialNumber.Text(16)
	for _, args := range [][]string{{"--state", state}, {out}} {
		got, err := fairway(t, append([]string{"identity", "show"}, args...)...)
		if err != nil || !strings.Contains(got, serial) || strings.Count(got, "root") != 1 || !strings.Contains(got, id) {
			t.Errorf("show %v: %v\n%s", args, err, got)
		}
	}
	if info, err := os.Stat(filepath.Join(out, "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key.pem: %v, %v", info, err)
	}
	for _, args := range [][]string{{"--id", id}, {"--id", "proxy", "--out", out}, {"--id", id, "--out", out, "--life", "1s"}} {
		if _, err := fairway(t, append([]string{"identity", "issue", "--state", state}, args...)...); err == nil {
			t.Errorf("issue %v: no error", args)
		}
	}
}
