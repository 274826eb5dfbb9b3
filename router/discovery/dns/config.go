package dns

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config says what to ask for, and whom.
type Config struct {
	Names []Name
	// Server is host:port of the one to ask; names are whole then. Empty: those that
	// Resolv names, with its search list.
	Server string
	Resolv string
	// Family chooses addresses: Auto, IPv4, IPv6 or Both.
	Family string
	// Least and Most bound how long an answer counts, whatever its time to live.
	Least, Most time.Duration
	// Timeout is how long one server is waited for, and Tries how often all are asked.
	Timeout time.Duration
	Tries   int
	Seed    uint64 // of the pauses' jitter
	Clock   func() time.Time
	Log     *slog.Logger
}

// What addresses are asked for.
const (
	Auto = "auto" // IPv4 where a name has any, else IPv6: two addresses of one host would count as two endpoints
	IPv4 = "4"
	IPv6 = "6"
	Both = "both" // of a name all addresses are endpoints; of an SRV target an IPv4 and an IPv6 address are one
)

// DefaultConfig asks the machine's own servers.
func DefaultConfig() Config {
	return Config{
		Resolv: "/etc/resolv.conf", Family: Auto, Least: 5 * time.Second, Most: 5 * time.Minute, Timeout: 2 * time.Second, Tries: 2,
		Seed: 1, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("dns discovery: "+format, args...))
	}
	if len(c.Names) == 0 || len(c.Names) > mostNames {
		wrong("%d names; want 1 to %d", len(c.Names), mostNames)
	}
	for _, n := range c.Names {
		if err := n.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if _, port, err := net.SplitHostPort(c.Server); c.Server != "" && (err != nil || port == "") {
		wrong("server %q is no host:port; want one such as 10.0.0.10:53", c.Server)
	}
	if c.Server == "" && c.Resolv == "" {
		wrong("no server and no resolv.conf; want one of them")
	}
	switch c.Family {
	case Auto, IPv4, IPv6, Both:
	default:
		wrong("addresses %q; want %s, %s, %s or %s", c.Family, Auto, IPv4, IPv6, Both)
	}
	if c.Least < 10*time.Millisecond || c.Most < c.Least {
		wrong("answers count from %v to %v; want at least 10ms, and the second no less than the first", c.Least, c.Most)
	}
	if c.Timeout <= 0 || c.Tries < 1 || c.Tries > 10 {
		wrong("%d tries of %v; want 1 to 10, of more than 0s", c.Tries, c.Timeout)
	}
	if c.Clock == nil || c.Log == nil {
		wrong("no clock or no log; want time.Now and a logger")
	}
	return errors.Join(errs...)
}

// Bounds of what is asked for and found.
const (
	mostNames     = 1_000
	mostEndpoints = 5_000 // of one name
	mostAtOnce    = 16    // questions under way
)
