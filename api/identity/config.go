package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// DefaultTrustDomain is that of fairway's own authority.
const DefaultTrustDomain = "fairway.local"

// DaemonPath is the path of the daemon's identity in a trust domain.
const DaemonPath = "/fairwayd"

// Names of the files that a Folder holds.
const (
	CertFile  = "cert.pem"
	KeyFile   = "key.pem"
	TrustFile = "ca.pem"
)

// Config says where certificates come from: State, the three files, or SPIRE.
type Config struct {
	// State is the directory of fairway's own authority; it is made when there
	// is none.
	State string
	// TrustDomain is that of a new authority, and asserts that of an old one.
	TrustDomain string
	// Path is that of the identity that the own authority is asked for.
	Path string
	// Hosts are the DNS names and addresses beside the SPIFFE ID in that
	// certificate, for clients that look at those.
	Hosts []string
	// Life is how long certificates of the own authority are valid, and
	// AuthorityLife how long its roots are.
	Life, AuthorityLife time.Duration

	// Cert, Key and Trust are files in PEM: a chain, its key, and the roots that
	// others are believed by.
	Cert, Key, Trust string

	// SPIRE is the address of a Workload API, such as unix:///run/spire/agent.sock.
	SPIRE string

	// TLS12 lets clients speak TLS 1.2; otherwise it is 1.3 and nothing else.
	TLS12 bool
	// Poll is the time between two looks at files and the clock.
	Poll  time.Duration
	Clock func() time.Time // usually time.Now
	Log   *slog.Logger
}

// DefaultConfig has certificates of a day, roots of a year, and a look at both
// every 5 s. An origin and Clock are for the caller to fill in.
func DefaultConfig() Config {
	return Config{
		Path: DaemonPath, Life: 24 * time.Hour, AuthorityLife: 365 * 24 * time.Hour,
		Poll: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

// Folder makes c one of the files that `fairway identity issue` writes to dir.
func (c Config) Folder(dir string) Config {
	c.Cert, c.Key, c.Trust = filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile), filepath.Join(dir, TrustFile)
	return c
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	files := 0
	for _, file := range []string{c.Cert, c.Key, c.Trust} {
		if file != "" {
			files++
		}
	}
	origins := 0
	for _, given := range []bool{c.State != "", files > 0, c.SPIRE != ""} {
		if given {
			origins++
		}
	}
	if origins != 1 {
		errs = append(errs, fmt.Errorf("identity: %d origins of certificates; want one of a state directory, files or SPIRE", origins))
	}
	if files > 0 && files < 3 {
		errs = append(errs, errors.New("identity: certificate, key and trust are three files; want all of them"))
	}
	if c.TrustDomain != "" {
		if _, err := spiffeid.TrustDomainFromString(c.TrustDomain); err != nil {
			errs = append(errs, fmt.Errorf("identity: trust domain %q: %w", c.TrustDomain, err))
		}
	}
	if err := spiffeid.ValidatePath(c.Path); c.State != "" && (err != nil || c.Path == "") {
		errs = append(errs, fmt.Errorf("identity: path %q: want one such as %s", c.Path, DaemonPath))
	}
	if c.Life < time.Second || c.AuthorityLife < 10*c.Life {
		errs = append(errs, fmt.Errorf("identity: certificates live %v and roots %v; want at least 1s, and ten times as much", c.Life, c.AuthorityLife))
	}
	if c.Poll <= 0 {
		errs = append(errs, fmt.Errorf("identity: poll is %v; want more than 0", c.Poll))
	}
	if c.Clock == nil || c.Log == nil {
		errs = append(errs, errors.New("identity: no clock or no log; want time.Now and a logger"))
	}
	return errors.Join(errs...)
}
