package identity_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity"
)

// TestFilesReload: another certificate in the operator's files is shown from the
// next handshake on, and the connection that is open stays.
func TestFilesReload(t *testing.T) {
	c, p := newClock(), newPKI(t)
	dir := t.TempDir()
	cfg := p.folder(dir, "daemon.example", noon.Add(-time.Hour), noon.Add(time.Hour))
	cfg.Clock, cfg.Poll = c.now, time.Millisecond
	s := open(t, cfg)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()

	address, caller := serve(t, identity.ServerCredentials(s))
	clientFiles := p.folder(t.TempDir(), "proxy.example", noon.Add(-time.Hour), noon.Add(100*time.Hour))
	clientFiles.Clock = c.now
	client := open(t, clientFiles)
	before := dial(t, address, identity.ClientCredentials(client, ""))
	if err := check(t, before); err != nil {
		t.Fatal(err)
	}
	if caller.Load() != "dns:proxy.example" {
		t.Errorf("%v called", caller.Load())
	}
	p.folder(dir, "daemon.example", noon.Add(-time.Minute), noon.Add(50*time.Hour))
	eventually(t, "the new files are in force", func() bool { return s.Held().Certificate.Leaf.NotAfter.Equal(noon.Add(50 * time.Hour)) })
	c.set(noon.Add(2 * time.Hour)) // the first has expired
	for what, conn := range map[string]healthClient{"open": before, "new": dial(t, address, identity.ClientCredentials(client, ""))} {
		if err := check(t, conn); err != nil {
			t.Errorf("%s connection: %v", what, err)
		}
	}
}

// TestFilesHalfWritten: what does not fit together is not taken, said once, and
// counted; what was in force stays until all three files are whole again.
func TestFilesHalfWritten(t *testing.T) {
	c, p := newClock(), newPKI(t)
	var log said
	dir := t.TempDir()
	cfg := p.folder(dir, "daemon.example", noon.Add(-time.Hour), noon.Add(time.Hour))
	cfg.Clock, cfg.Log = c.now, log.log()
	s := open(t, cfg)
	before := s.Held()
	other, otherKey := p.leaf("daemon.example", noon.Add(-time.Minute), noon.Add(9*time.Hour))
	expired, expiredKey := p.leaf("daemon.example", noon.Add(-2*time.Hour), noon.Add(-time.Hour))
	authority := p.cert.Raw
	for _, step := range []struct {
		what             string
		cert, key, trust []byte
	}{
		{"a certificate without its key", pemOf("CERTIFICATE", other.Raw), nil, nil},
		{"half a certificate", pemOf("CERTIFICATE", other.Raw)[:200], keyPEM(t, otherKey), nil},
		{"an empty key", pemOf("CERTIFICATE", other.Raw), []byte{}, nil},
		{"an expired one", pemOf("CERTIFICATE", expired.Raw), keyPEM(t, expiredKey), nil},
		{"no roots", pemOf("CERTIFICATE", other.Raw), keyPEM(t, otherKey), []byte{}},
		{"half of the roots", nil, nil, pemOf("CERTIFICATE", authority)[:200]},
		{"a key among the roots", nil, nil, keyPEM(t, otherKey)},
		{"an authority's", pemOf("CERTIFICATE", authority), keyPEM(t, p.key), pemOf("CERTIFICATE", authority)},
	} {
		for path, text := range map[string][]byte{cfg.Cert: step.cert, cfg.Key: step.key, cfg.Trust: step.trust} {
			if text != nil {
				p.put(path, text)
			}
		}
		failures := s.Failures()
		for range 3 {
			if err := s.Refresh(); err == nil || s.Held() != before {
				t.Errorf("%s: taken, %v", step.what, err)
			}
		}
		if s.Failures() == failures {
			t.Errorf("%s: not counted", step.what)
		}
	}
	if n := log.count("cannot be taken"); n < 5 || n > 8 {
		t.Errorf("said %d times; want each once", n)
	}
	os.Remove(cfg.Cert)
	if err := s.Refresh(); err == nil || s.Held() != before {
		t.Errorf("a missing file: %v", err)
	}
	p.put(cfg.Cert, pemOf("CERTIFICATE", other.Raw))
	p.put(cfg.Key, keyPEM(t, otherKey))
	p.put(cfg.Trust, pemOf("CERTIFICATE", authority))
	if err := s.Refresh(); err != nil || s.Held() == before {
		t.Errorf("whole again and not taken: %v", err)
	}
}

func TestValidate(t *testing.T) {
	good := newClock().config()
	good.State = "x"
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for what, break_ := range map[string]func(*identity.Config){
		"no origin":       func(c *identity.Config) { c.State = "" },
		"two origins":     func(c *identity.Config) { c.SPIRE = "unix:///x" },
		"two files":       func(c *identity.Config) { c.State, c.Cert, c.Key = "", "a", "b" },
		"bad domain":      func(c *identity.Config) { c.TrustDomain = "a b" },
		"bad path":        func(c *identity.Config) { c.Path = "a" },
		"no path":         func(c *identity.Config) { c.Path = "" },
		"no life":         func(c *identity.Config) { c.Life = 0 },
		"roots too short": func(c *identity.Config) { c.AuthorityLife = c.Life },
		"no clock":        func(c *identity.Config) { c.Clock = nil },
		"no poll":         func(c *identity.Config) { c.Poll = 0 },
	} {
		bad := good
		break_(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s passes", what)
		}
	}
}
