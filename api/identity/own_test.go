package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity"
)

// TestOwnAuthority: nothing but a directory, and daemon and client believe each
// other; the key is for nobody else.
func TestOwnAuthority(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State = filepath.Join(t.TempDir(), "state", "identity")
	daemon := open(t, cfg)
	if got, want := daemon.Held().Name, "spiffe://fairway.local/fairwayd"; got != want {
		t.Errorf("the daemon is %s, want %s", got, want)
	}
	leaf := daemon.Held().Certificate.Leaf
	if !leaf.NotAfter.Equal(noon.Add(24*time.Hour)) || !leaf.NotBefore.Equal(noon.Add(-5*time.Minute)) {
		t.Errorf("valid %v to %v; want a day, and five minutes for clocks that are behind", leaf.NotBefore, leaf.NotAfter)
	}
	for name, mode := range map[string]fs.FileMode{"authority.pem": 0o600, "trust.pem": 0o644} {
		info, err := os.Stat(filepath.Join(cfg.State, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %v", name, info.Mode(), err, mode)
		}
	}
	address, caller := serve(t, identity.ServerCredentials(daemon))

	authority, err := identity.OpenAuthority(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "proxy-a")
	issued, err := authority.Issue(c.now(), "spiffe://fairway.local/proxy-a", out, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	proxy := open(t, c.config().Folder(out))
	if err := check(t, dial(t, address, identity.ClientCredentials(proxy, ""))); err != nil {
		t.Fatal(err)
	}
	if caller.Load() != issued.Identity {
		t.Errorf("%v called, want %s", caller.Load(), issued.Identity)
	}
	refused(t, dial(t, address, identity.ClientCredentials(proxy, "spiffe://fairway.local/other")), "a server of another name")

	list, err := authority.Issued(c.now())
	if err != nil || len(list) != 1 || list[0].Until != noon.Add(time.Hour) {
		t.Errorf("issued %v, %v", list, err)
	}
	if list, _ := authority.Issued(noon.Add(2 * time.Hour)); len(list) != 0 {
		t.Errorf("%v is listed although it has expired", list)
	}
}

// TestIssueRefuses what is no identity of the domain.
func TestIssueRefuses(t *testing.T) {
	cfg := newClock().config()
	cfg.State = t.TempDir()
	authority, err := identity.OpenAuthority(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "proxy", "spiffe://fairway.local", "spiffe://other/proxy", "https://fairway.local/a", "spiffe://fairway.local/a/../b"} {
		if _, err := authority.Issue(noon, id, t.TempDir(), time.Hour, nil); err == nil {
			t.Errorf("issued %q", id)
		}
	}
	cfg.TrustDomain = "other"
	if _, err := identity.OpenAuthority(cfg); err == nil {
		t.Error("opened as another trust domain")
	}
}

// TestAuthorityBroken: a damaged authority is reported, never replaced, and what
// was in force stays.
func TestAuthorityBroken(t *testing.T) {
	c := newClock()
	var log said
	cfg := c.config()
	cfg.State, cfg.Log = t.TempDir(), log.log()
	s := open(t, cfg)
	path := filepath.Join(cfg.State, "authority.pem")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Held()
	for _, text := range [][]byte{nil, []byte("nonsense"), whole[:len(whole)/2], bytes.Replace(whole, []byte("A"), []byte("B"), 1)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.Open(t.Context(), cfg); err == nil {
			t.Errorf("opened an authority of %d bytes", len(text))
		}
		if err := s.Refresh(); err == nil || s.Held() != before {
			t.Errorf("took an authority of %d bytes: %v", len(text), err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, text) {
			t.Error("the authority was written over")
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(); err == nil || s.Held() != before {
		t.Errorf("made another authority in place of one that is gone: %v", err)
	}
	if s.Failures() != 5 || log.count("cannot be taken") == 0 {
		t.Errorf("%d failures counted, log %q", s.Failures(), log.text.String())
	}
}

// TestRenewal walks a year and a half in steps of two hours. At each, a client
// whose roots are a day old and the daemon believe each other.
func TestRenewal(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State = t.TempDir()
	daemon := open(t, cfg)
	most := 0
	old := daemon.Held()
	var oldAt = noon
	for at := noon; at.Before(noon.Add(550 * 24 * time.Hour)); at = at.Add(2 * time.Hour) {
		c.set(at)
		if err := daemon.Refresh(); err != nil {
			t.Fatal(err)
		}
		h := daemon.Held()
		most = max(most, len(h.Roots))
		if left := h.Certificate.Leaf.NotAfter.Sub(at); left < 6*time.Hour {
			t.Fatalf("at %v only %v are left", at, left)
		}
		signed := false
		for _, root := range old.Roots {
			signed = signed || h.Certificate.Leaf.CheckSignatureFrom(root) == nil && at.Before(root.NotAfter)
		}
		if !signed {
			t.Fatalf("at %v the daemon's certificate is signed by a root that %v did not know of", at, oldAt)
		}
		if at.Sub(oldAt) >= 24*time.Hour {
			old, oldAt = h, at
		}
	}
	if most != 2 {
		t.Errorf("up to %d roots, want 2: old and new", most)
	}
	if n := daemon.Renewals(); n < 800 || n > 850 { // every 16 h, and with each change of the roots
		t.Errorf("%d renewals", n)
	}
}

// TestClockJumps: whatever the clock does, the next handshake is answered by a
// certificate that is valid then.
func TestClockJumps(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State = t.TempDir()
	daemon := open(t, cfg)
	address, _ := serve(t, identity.ServerCredentials(daemon))
	for _, at := range []time.Time{noon.Add(25 * time.Hour), noon.AddDate(3, 0, 0), noon.AddDate(-3, 0, 0), noon} {
		c.set(at) // nobody refreshes: the handshake must
		client := c.config()
		client.State, client.Path = cfg.State, "/proxy-a"
		if err := check(t, dial(t, address, identity.ClientCredentials(open(t, client), ""))); err != nil {
			t.Errorf("at %v: %v", at, err)
		}
		leaf := daemon.Held().Certificate.Leaf
		if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
			t.Errorf("at %v it shows one of %v to %v", at, leaf.NotBefore, leaf.NotAfter)
		}
	}
}

// TestTwoProcesses start on one new directory at the same instant: they make one
// authority. The processes are this test's binary.
func TestTwoProcesses(t *testing.T) {
	const variable = "FAIRWAY_TEST_STATE"
	if dir := os.Getenv(variable); dir != "" {
		cfg := identity.DefaultConfig()
		cfg.Clock, cfg.State = time.Now, dir
		s, err := identity.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("root=%x\n", s.Held().Roots[0].Signature)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		dir := filepath.Join(t.TempDir(), "new")
		outs := make([]bytes.Buffer, 4)
		commands := make([]*exec.Cmd, len(outs))
		for i := range commands {
			commands[i] = exec.Command(exe, "-test.run=^TestTwoProcesses$")
			commands[i].Env = append(os.Environ(), variable+"="+dir)
			commands[i].Stdout, commands[i].Stderr = &outs[i], &outs[i]
			if err := commands[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		roots := map[string]bool{}
		for i, command := range commands {
			if err := command.Wait(); err != nil {
				t.Fatalf("%v: %s", err, &outs[i])
			}
			root, _, _ := strings.Cut(outs[i].String(), "\n")
			roots[root] = true
		}
		if len(roots) != 1 {
			t.Errorf("round %d: %d authorities were made: %v", round, len(roots), roots)
		}
	}
}
