package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// Files of a state directory. Only the first is secret; all are replaced whole.
const (
	authorityFile = "authority.pem"  // roots and their keys, 0600
	bundleFile    = "trust.pem"      // the roots alone, for others
	issuedFile    = "issued.jsonl"   // what was issued by command
	lockFile      = "authority.lock" // held by whoever changes any of them
)

// patience is how long another process may hold the lock, which it does for the
// few milliseconds of a write.
const patience = 10 * time.Second

// Authority is fairway's own, in a state directory that processes on one machine
// may share. Its methods are safe for concurrent use, also by many processes.
type Authority struct {
	dir    string
	domain string // asserted; "" takes what is there
	life   time.Duration
	kept   bool // there was one: another is not made in its place
}

// OpenAuthority opens the authority of cfg.State, or makes it.
func OpenAuthority(cfg Config) (*Authority, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.State == "" {
		return nil, errors.New("identity: no state directory")
	}
	a := authorityOf(cfg)
	_, _, err := a.roots(cfg.Clock())
	return a, err
}

// FindAuthority opens the authority of cfg.State, and makes none.
func FindAuthority(cfg Config) (*Authority, error) {
	if _, err := os.Stat(filepath.Join(cfg.State, authorityFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("identity: no authority in %s; fairwayd makes one when it listens with TLS, and so does issuing a certificate", cfg.State)
	}
	return OpenAuthority(cfg)
}

// StateDirectory is where the own authority lives: in the folder "identity" of
// the given state directory or, where that is empty, of what the environment
// names: STATE_DIRECTORY (systemd), XDG_STATE_HOME or HOME. It is empty where
// there is none of these.
func StateDirectory(given string, environment func(name string) string) string {
	systemd, _, _ := strings.Cut(environment("STATE_DIRECTORY"), ":")
	switch xdg, home := environment("XDG_STATE_HOME"), environment("HOME"); {
	case given != "":
	case systemd != "":
		given = systemd
	case xdg != "":
		given = filepath.Join(xdg, "fairway")
	case home != "":
		given = filepath.Join(home, ".local", "state", "fairway")
	default:
		return ""
	}
	return filepath.Join(given, "identity")
}

func authorityOf(cfg Config) *Authority {
	return &Authority{dir: cfg.State, domain: cfg.TrustDomain, life: cfg.AuthorityLife}
}

func (a *Authority) path(name string) string { return filepath.Join(a.dir, name) }

// roots reads the roots, and rotates or makes them where that is due. digest
// changes with the file.
func (a *Authority) roots(now time.Time) (rs roots, digest string, err error) {
	rs, digest, err = a.read()
	if err != nil && (a.kept || !errors.Is(err, fs.ErrNotExist)) || err == nil && !rs.due(now) {
		return rs, digest, err
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	unlock, err := lock(a.path(lockFile), patience)
	if err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	defer unlock()
	rs, digest, err = a.read() // another process may have been faster
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && !rs.due(now) {
		return rs, digest, err
	}
	return a.rotate(rs, now)
}

// rotate adds a root and writes all, with the lock held.
func (a *Authority) rotate(rs roots, now time.Time) (roots, string, error) {
	domain, err := spiffeid.TrustDomainFromString(a.name())
	if len(rs) > 0 {
		domain, err = rs.domain()
	}
	if err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	if rs, err = rs.rotate(now, domain, a.life); err != nil {
		return nil, "", fmt.Errorf("identity: make a root: %w", err)
	}
	text, err := rs.marshal()
	if err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	if err := errors.Join(durable.WriteText(a.path(authorityFile), 0o600, text), durable.WriteText(a.path(bundleFile), 0o644, certificatesPEM(rs.certificates()))); err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	return rs, digestOf(text), nil
}

func (a *Authority) name() string {
	if a.domain == "" {
		return DefaultTrustDomain
	}
	return a.domain
}

func (a *Authority) read() (roots, string, error) {
	path := a.path(authorityFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("identity: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil { // a volume's owner may have widened it
			return nil, "", fmt.Errorf("identity: %s can be read by others: %w", path, err)
		}
	}
	rs, err := parseRoots(text)
	if err != nil {
		return nil, "", fmt.Errorf("identity: %s: %w; restore it, or move it away to begin anew, which voids all certificates it issued", path, err)
	}
	if domain, _ := rs.domain(); a.domain != "" && domain.Name() != a.domain {
		return nil, "", fmt.Errorf("identity: %s is the authority of trust domain %s, not of %s; use another state directory", path, domain.Name(), a.domain)
	}
	return rs, digestOf(text), nil
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return string(sum[:])
}
