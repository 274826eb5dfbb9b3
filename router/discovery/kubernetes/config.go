package kubernetes

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Config says where and what to watch.
type Config struct {
	// Client asks the API server; Connect makes one.
	Client *Client
	// Namespaces are those to watch; none means all, which needs a cluster's role
	// rather than a namespace's.
	Namespaces []string
	// Domain is the cluster's, by which names of services end.
	Domain string
	// Log hears what is not trouble but worth knowing, once each.
	Log *slog.Logger
	// Clock tells the time.
	Clock func() time.Time
	// Random, from 0 to below 1, spreads what many daemons would do at once.
	Random func() float64
}

// DefaultConfig lacks a Client.
func DefaultConfig() Config {
	return Config{
		Domain: DefaultDomain,
		Log:    slog.New(slog.DiscardHandler),
		Clock:  time.Now,
		Random: func() float64 { return 0.5 },
	}
}

// Validate says what is wrong with a Config.
func (c Config) Validate() error {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("no client: Connect makes one"))
	}
	for _, n := range c.Namespaces {
		if why := validation.IsDNS1123Label(n); len(why) > 0 {
			errs = append(errs, fmt.Errorf("namespace %q: %s", n, strings.Join(why, "; ")))
		}
	}
	if why := validation.IsDNS1123Subdomain(c.Domain); len(why) > 0 {
		errs = append(errs, fmt.Errorf("domain %q of the cluster: %s", c.Domain, strings.Join(why, "; ")))
	}
	if c.Log == nil || c.Clock == nil || c.Random == nil {
		errs = append(errs, errors.New("no log, clock or random numbers: DefaultConfig has them"))
	}
	return errors.Join(errs...)
}
