// Package replay walks a recording under several policies and says, honestly,
// what each would have been worth: the same Decide that is served, judged only
// by what the recording shows of the time after each decision.
//
// What comes out is a plain off-policy estimate. It takes every endpoint to
// answer as it was recorded to answer, whatever weight a policy gives it, so
// it ignores load feedback and says so. Intervals come from a block bootstrap
// over time (Carlstein, Annals of Statistics 1986), and differences from the
// same resampled blocks of both policies.
package replay

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// Label is what every result of this package must be read with.
const Label = "ignores load feedback"

// The names of the two rows that are no policies.
const (
	AsRecorded    = "as recorded"    // the shares that the recording shows
	HindsightBest = "hindsight best" // all on the endpoint that turned out cheapest; not achievable
)

// MinBlock is the shortest block of the bootstrap.
const MinBlock = ope.MinBlock

// Config says what is judged, by which measure, and with how much certainty.
type Config struct {
	// Recording names what is walked, for the head of the table.
	Recording string
	// From is the first decision that is judged; the windows before only warm
	// the policies up. Zero judges all of them.
	From time.Time
	// Timing is that of the pairs.
	Timing mesh.Timing
	// Objective gives cost to latency and failure; Objectives replaces it for
	// the services that it names.
	Objective  mesh.Objective
	Objectives map[string]mesh.Objective
	// Reference is the row that all others are compared with; empty: the
	// first policy.
	Reference string
	// Block is the length of the bootstrap's blocks, at least MinBlock. It is
	// raised to twice the horizon, as neighbouring horizons overlap, and so far
	// that there are at most maxBlocks.
	Block time.Duration
	// Resamples is how many times the blocks are drawn, Level what the
	// intervals should cover, Seed what is drawn.
	Resamples int
	Level     float64
	Seed      uint64
	// Clip bounds the importance weight of a logged request, for IPS and SNIPS.
	Clip float64
	// MinSampleSize is the effective number of requests below which the value
	// of a policy on the request log is refused; its p99 needs ten times more.
	MinSampleSize float64
	// Margins are those of the verdicts.
	Margins finding.Margins
	// Unidentified names the services whose load effect the model could not
	// learn, as its card says.
	Unidentified []string
	// Notes are the caller's warnings; they travel with the result.
	Notes []string
}

// DefaultConfig has blocks of a minute, 95 % intervals of 1000 resamples,
// seed 1.
func DefaultConfig() Config {
	return Config{
		Objective: mesh.DefaultObjective(),
		Block:     MinBlock, Resamples: 1000, Level: 0.95, Seed: 1,
		Clip: 20, MinSampleSize: 100, Margins: finding.DefaultMargins(),
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("replay: "+format, args...))
		}
	}
	check(c.Timing.Step > 0, "step is %v; want more than 0", c.Timing.Step)
	check(c.Timing.Horizon > 0, "horizon is %v; want more than 0", c.Timing.Horizon)
	check(c.Block >= MinBlock, "block is %v; want at least %v", c.Block, MinBlock)
	check(c.Resamples >= 100, "resamples is %d; want at least 100", c.Resamples)
	check(c.Level > 0.5 && c.Level < 1, "level is %v; want between 0.5 and 1, such as 0.95", c.Level)
	check(c.Clip >= 1, "clip is %v; want at least 1", c.Clip)
	check(c.MinSampleSize >= 1, "min sample size is %v; want at least 1", c.MinSampleSize)
	check(c.Objective.Deadline > 0, "the objective's deadline is %v; want more than 0", c.Objective.Deadline)
	if err := c.Margins.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("replay: %w", err))
	}
	for service, o := range c.Objectives {
		check(o.Deadline > 0, "the deadline of %s is %v; want more than 0", service, o.Deadline)
	}
	return errors.Join(errs...)
}

// estimators is how the request log is read.
func (c *Config) estimators() ope.Config {
	cfg := ope.DefaultConfig()
	cfg.Clip, cfg.MinSampleSize = c.Clip, c.MinSampleSize
	cfg.Resamples, cfg.Level, cfg.Seed = c.Resamples, c.Level, c.Seed
	return cfg
}

func (c *Config) objective(service string) mesh.Objective {
	if o, ok := c.Objectives[service]; ok {
		return o
	}
	return c.Objective
}

// maxBlocks bounds the work of the bootstrap. Longer blocks cost certainty
// only where there are few of them.
const maxBlocks = 200

// block is the length of the blocks for a span of judged decisions.
func (c *Config) block(span time.Duration) time.Duration {
	return max(c.Block, 2*c.Timing.Horizon, (span/maxBlocks).Truncate(time.Second)+time.Second)
}
