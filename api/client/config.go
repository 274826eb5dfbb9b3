package client

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/fairway-mesh/fairway/mesh"
)

// Config says how a Client behaves. Targets, Credentials and Clock must be
// given.
type Config struct {
	// Targets are the daemons, such as "127.0.0.1:7443", each as gRPC names it.
	// The first is asked for as long as it answers, then the next.
	Targets     []string
	Credentials credentials.TransportCredentials // insecure.NewCredentials() without TLS
	Clock       func() time.Time                 // usually time.Now
	Seed        uint64                           // of the random numbers that pick
	// Name tells this proxy from the others where the rules give each so many endpoints of
	// a large fleet; keep it over restarts. Empty takes one from the Seed.
	Name string
	// Zone is where requests come from that do not say it themselves.
	Zone string
	// Deadline is the most that a Decide waits for daemons.
	Deadline time.Duration
	// Retry is how long a daemon that failed is left alone, more or less by
	// half; it doubles with each failure up to MaxRetry. Where a daemon says
	// itself how long, that counts.
	Retry, MaxRetry time.Duration
	// Static are endpoints of services for when no daemon has named any.
	Static map[string][]mesh.Endpoint
	// Queue is how many reports wait to be sent; more are dropped. Flush is how
	// long they wait for others to be sent with.
	Queue int
	Flush time.Duration
}

// DefaultConfig waits 50 ms for a decision, asks a daemon that failed again
// after 100 ms to 5 s, and keeps 4096 reports.
func DefaultConfig() Config {
	return Config{
		Deadline: 50 * time.Millisecond, Retry: 100 * time.Millisecond, MaxRetry: 5 * time.Second,
		Queue: 4096, Flush: 50 * time.Millisecond,
	}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	if len(c.Targets) == 0 {
		errs = append(errs, errors.New("client: no targets; name the daemons, such as 127.0.0.1:7443"))
	}
	if c.Credentials == nil {
		errs = append(errs, errors.New("client: no credentials; want insecure.NewCredentials() or those of TLS"))
	}
	if c.Clock == nil {
		errs = append(errs, errors.New("client: no clock; want time.Now"))
	}
	if c.Deadline <= 0 {
		errs = append(errs, fmt.Errorf("client: deadline is %v; want more than 0", c.Deadline))
	}
	if c.Retry <= 0 || c.MaxRetry < c.Retry {
		errs = append(errs, fmt.Errorf("client: retry is %v to %v; want more than 0, and increasing", c.Retry, c.MaxRetry))
	}
	if c.Queue < 1 || c.Flush <= 0 {
		errs = append(errs, fmt.Errorf("client: queue is %d, flush %v; want both above 0", c.Queue, c.Flush))
	}
	for service, endpoints := range c.Static {
		for _, e := range endpoints {
			if e.Name == "" {
				errs = append(errs, fmt.Errorf("client: an endpoint of static service %q has no name", service))
			}
		}
	}
	return errors.Join(errs...)
}
