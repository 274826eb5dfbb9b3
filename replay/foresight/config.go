package foresight

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Config says how forecasts are judged.
type Config struct {
	// Look says how a recording is looked at, which includes the horizon within
	// which a failure must be foretold, and what makes its frames. Where there
	// is a model, it says both.
	Look func(*datasets.Recording) (mesh.Timing, features.Config)
	// Refractory is for how many horizons an endpoint is silent after an alarm,
	// whatever is foretold: one is how long an alarm speaks for.
	Refractory float64
	// Precision that the threshold must surely have had in calibration: the
	// lower end of its 90 % interval. Of those that do, the one that announces
	// most counts; where none does, the one with the best F1.
	Precision float64
	// MinRequests is the least number of requests in a window from which its
	// error ratio and its latency are believed.
	MinRequests float64
	// Block is how many horizons a stretch without incidents is long that is
	// drawn together in the bootstrap.
	Block     float64
	Resamples int
	Level     float64 // of the intervals
	Seed      uint64
	// Misplaced, if more than 0, pairs each forecast with what became of
	// another endpoint so many horizons later. No forecaster may then have any skill: a
	// judge that finds some is at fault.
	Misplaced float64
	// Progress, if any, is told of each source that was walked.
	Progress func(done, all int)
}

// DefaultConfig looks at recordings as they ask for, over the horizon.
func DefaultConfig(horizon time.Duration) Config {
	return Config{
		Look: func(r *datasets.Recording) (mesh.Timing, features.Config) {
			f := features.DefaultConfig()
			f.Horizon = horizon
			return r.Timing(0, horizon), f
		},
		Refractory: 1, Precision: 0.5, MinRequests: 10, Block: 10, Resamples: 1000, Level: 0.95, Seed: 1,
	}
}

// Validate reports everything that is out of range.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("foresight: "+format, args...))
		}
	}
	check(c.Look != nil, "nothing says how a recording is looked at")
	check(c.Refractory > 0, "refractory is %v horizons; want more than 0", c.Refractory)
	check(c.Precision > 0 && c.Precision <= 1, "precision is %v; want more than 0, at most 1", c.Precision)
	check(c.MinRequests >= 0, "min requests is %v; want 0 or more", c.MinRequests)
	check(c.Block > 0, "block is %v horizons; want more than 0", c.Block)
	check(c.Resamples >= 0, "resamples is %d; want 0 or more", c.Resamples)
	check(c.Level > 0 && c.Level < 1, "level is %v; want one between 0 and 1", c.Level)
	check(c.Misplaced >= 0, "misplaced is %v; want 0 or more", c.Misplaced)
	return errors.Join(errs...)
}
