package threat

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config is what a Judge needs beside Settings.
type Config struct {
	// Rate is the limit of messages/s of one identity, as package guard has it.
	Rate float64
	// Most is how many subjects are remembered, of 8 kB each. Who comes when all
	// of them are there, and none was idle for ten minutes, cannot be judged.
	Most int
	// Forget is how long a subject is remembered that does nothing: longer than
	// the pause of a weekly job.
	Forget time.Duration
	Log    *slog.Logger
}

// DefaultConfig remembers 4,096 subjects, eight days.
func DefaultConfig() Config {
	return Config{Rate: 1e6, Most: 4096, Forget: 8 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler)}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if !(c.Rate > 0) {
		errs = append(errs, fmt.Errorf("threat: rate is %v; want more than 0", c.Rate))
	}
	if c.Most < 1 {
		errs = append(errs, fmt.Errorf("threat: most is %d; want at least 1", c.Most))
	}
	if c.Forget < time.Hour {
		errs = append(errs, fmt.Errorf("threat: forget is %v; want at least 1h", c.Forget))
	}
	if c.Log == nil {
		errs = append(errs, errors.New("threat: no log; want a logger"))
	}
	return errors.Join(errs...)
}
