package counterfactual

import (
	"errors"
	"fmt"
	"time"
)

// LogConfig says how a request log is read.
type LogConfig struct {
	// Service picks the requests; empty: the log's only service.
	Service string
	// Block is a stretch of time in which the level of the work, and how the
	// requests were shared out, are taken to be much the same.
	Block time.Duration
	// Workers is how many requests an endpoint serves at once, by name, where
	// that is known; where not, it is estimated.
	Workers map[string]int
	// Slack is by how much a later request must be answered earlier to count
	// as having overtaken: above the jitter of the network.
	Slack time.Duration
	// InstrumentOnly compares blocks of different shares instead of requests
	// within blocks. It is right only where it was random which shares ruled
	// when, and needed only where the choice depends on a request's own work.
	InstrumentOnly bool
}

// DefaultLogConfig has blocks of a minute and 5 ms of slack.
func DefaultLogConfig() LogConfig {
	return LogConfig{Block: time.Minute, Slack: 5 * time.Millisecond}
}

// Validate reports everything that is out of range.
func (c LogConfig) Validate() error {
	var errs []error
	if c.Block <= 0 {
		errs = append(errs, fmt.Errorf("counterfactual: block is %v; want more than 0", c.Block))
	}
	if c.Slack < 0 {
		errs = append(errs, fmt.Errorf("counterfactual: slack is %v; want 0 or more", c.Slack))
	}
	for name, n := range c.Workers {
		if n < 1 {
			errs = append(errs, fmt.Errorf("counterfactual: endpoint %s has %d workers; want at least 1", name, n))
		}
	}
	return errors.Join(errs...)
}
