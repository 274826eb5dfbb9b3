// Package fit makes a simulated mesh out of a recording: endpoints with the
// recorded workers, service times, errors and faults, and the recorded
// arrivals. It shows how well it did: the fitted mesh is run under the recorded
// shares and compared with the recording.
package fit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// Config says what is fitted, and when a fit is good enough.
type Config struct {
	// Service is the one that is fitted; empty: the only one, or the first.
	Service string
	// Window is what parameters are seen in that change over time; 0: 10 s or
	// four scrapes, whichever is longer.
	Window time.Duration
	// SlowFrom is by how much service times must exceed the usual ones for the
	// endpoint to count as slowed down, and ErrorsFrom the error ratio from which
	// it counts as failing, in two windows in a row.
	SlowFrom, ErrorsFrom float64
	// Proxies is how many send the requests, each with a picker of its own. No
	// recording tells; the more there are, the less each knows.
	Proxies int
	// Runs of the fitted mesh show how well it fits, with seeds from Seed on.
	Runs   int
	Seed   uint64
	Limits Limits
}

// Limits are how far the fitted mesh may be from the recording. Those of
// latencies and utilization are relative, that of the error ratio is not.
type Limits struct {
	Mean, P50, P90, P99, Utilization float64
	ErrorRatio                       float64
	// Endpoints is the part of the endpoints whose mean and utilization must be
	// within the limits.
	Endpoints float64
}

// DefaultConfig allows 15 % in means, medians and utilization, 20 % and 30 % in
// the tail, and 2 points in the error ratio, at four endpoints of five.
func DefaultConfig() Config {
	return Config{
		SlowFrom: 1.5, ErrorsFrom: 0.05, Proxies: 1, Runs: 5, Seed: 1,
		Limits: Limits{Mean: 0.15, P50: 0.15, P90: 0.2, P99: 0.3, Utilization: 0.15, ErrorRatio: 0.02, Endpoints: 0.8},
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("fit: "+format, args...))
		}
	}
	check(c.Window >= 0, "window is %v; want 0 or more", c.Window)
	check(c.SlowFrom > 1, "slow from is %v; want more than 1", c.SlowFrom)
	check(c.ErrorsFrom > 0 && c.ErrorsFrom < 1, "errors from is %v; want between 0 and 1", c.ErrorsFrom)
	check(c.Proxies >= 1, "proxies are %d; want 1 or more", c.Proxies)
	check(c.Runs >= 2, "runs are %d; want 2 or more, to see what they differ by", c.Runs)
	l := c.Limits
	check(min(l.Mean, l.P50, l.P90, l.P99, l.Utilization, l.ErrorRatio) > 0, "limits are %+v; want more than 0", l)
	check(l.Endpoints > 0 && l.Endpoints <= 1, "limit of endpoints is %v; want more than 0, at most 1", l.Endpoints)
	return errors.Join(errs...)
}

// Estimate is a number and its standard error; NaN where it is not known.
type Estimate struct{ Value, Error float64 }

// Endpoint is what was found out of one endpoint, while nothing was wrong with
// it.
type Endpoint struct {
	mesh.Endpoint
	Workers  Estimate // requests that it serves at once
	Service  Estimate // seconds: mean time that a request is served, without its wait
	Capacity Estimate // requests per second: workers ÷ service time
	Errors   Estimate // ratio
	Network  Estimate // seconds: one way between proxy and endpoint
	Samples  int      // requests of the log that were served without a wait
	Events   int      // times at which it was slow, down or failing
}

// Fit is a mesh that was fitted to a recording.
type Fit struct {
	Recording string
	Service   string
	Scenario  *sim.Scenario
	// Endpoints are those of the scenario, in its order; there they have other
	// names.
	Endpoints []Endpoint
	// Queue is how many requests may wait at an endpoint; 0: no bound was seen.
	Queue     int
	Report    Report
	behaviour *behaviour      // draws endpoints by the recorded shares
	start     time.Time       // of what was fitted
	times     []time.Duration // since then, at which requests of the log came
}

// Strategy sends by the recorded shares, window by window: what the recording
// itself did.
func (f *Fit) Strategy() router.Strategy { return f.behaviour.strategy() }

// New fits a mesh to the recording, and runs it some times to see how well. The
// recording must name the workers of every endpoint and how busy they were, as
// the lab's and the simulator's do; else, and where too little was seen, the
// error says what cannot be told. That a mesh does not fit is no error: see
// Report.Verdict. The fit is shown on what it was made from.
func New(ctx context.Context, r *datasets.Recording, cfg Config) (*Fit, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h, err := look(ctx, r, cfg)
	if err != nil {
		return nil, fmt.Errorf("fit: %s: %w", r.Path, err)
	}
	l, err := readLog(r, h)
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	f := &Fit{Recording: r.Path, Service: h.service, start: h.start, times: l.times()}
	if err := f.build(h, l, cfg); err != nil {
		return nil, fmt.Errorf("fit: %s: %w", r.Path, err)
	}
	return f, f.show(ctx, r, h, l, cfg)
}
