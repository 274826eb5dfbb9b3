package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/router/journal"
)

// Config bounds what the server takes.
type Config struct {
	// Horizon is how far the failure forecasts of the table look ahead; zero
	// when there are none.
	Horizon time.Duration
	// Policy is the name of the policy that is asked first.
	Policy string
	// MaxHeaders is the most headers of one request, and MaxBytes the most that
	// its names and strings may take together.
	MaxHeaders, MaxBytes int
	// MaxBatch is the most requests of one DecideBatch, and the most services
	// of one Watch or Forecast.
	MaxBatch int
	// Journal, where it is set, is told of a sample of the requests that were
	// decided and of the outcomes that were reported.
	Journal *journal.Journal
	// Who, where it is set, names who calls, for the journal.
	Who func(context.Context) string
	// MaxInFlight is the most decisions that are worked on at once before calls
	// are shed: DecideBatch counts the requests that it brings, Forecast and
	// Explain the endpoints that they tell of. Above it Decide and Route leave
	// out weights that were asked for, and the calls that cost more are refused
	// with RESOURCE_EXHAUSTED.
	MaxInFlight int
	// Seed starts the random numbers that draw endpoints.
	Seed uint64
}

// DefaultConfig takes what HTTP servers usually take of a request's head, and
// works on as many decisions at once as take some milliseconds.
func DefaultConfig() Config {
	return Config{MaxHeaders: 100, MaxBytes: 64 << 10, MaxBatch: 1000, MaxInFlight: 4096}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Horizon < 0 {
		errs = append(errs, fmt.Errorf("api: horizon is %v; want 0 or more", c.Horizon))
	}
	for name, n := range map[string]int{"max headers": c.MaxHeaders, "max bytes": c.MaxBytes, "max batch": c.MaxBatch, "max in flight": c.MaxInFlight} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("api: %s is %d; want at least 1", name, n))
		}
	}
	return errors.Join(errs...)
}
