// Package contest lets strategies compete in the simulated mesh: each runs
// every scenario with the same seeds, so that all meet the same arrivals, the
// same work and the same faults (common random numbers), and what differs is
// tested seed by seed.
package contest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// Entry is a strategy that takes part.
type Entry struct {
	Name string
	// New makes it for one run: strategies have memory. It is called from
	// several goroutines at once.
	New func() (router.Strategy, error)
	// For, where it is set, makes it instead of New: for one that knows in which
	// scenario and with which seed it is run.
	For func(s *sim.Scenario, seed uint64) (router.Strategy, error)
}

func (e *Entry) strategy(s *sim.Scenario, seed uint64) (router.Strategy, error) {
	if e.For != nil {
		return e.For(s, seed)
	}
	return e.New()
}

// Config says how the entries are compared.
type Config struct {
	// Reference is the entry that all others are compared with; empty: the
	// first.
	Reference string
	// Seeds is how many runs each entry makes of each scenario, with the seeds
	// FirstSeed, FirstSeed+1, …; 0: as many as the scenario asks for.
	Seeds     int
	FirstSeed uint64
	// Level is what the intervals should cover, and one less the chance that a
	// table calls anything significant that is not.
	Level   float64
	Margins finding.Margins
	// Workers is how many runs go on at once; 0: one on each CPU.
	Workers int
	// Progress, if any, is told how many of the runs are done. It is called
	// from one goroutine at a time.
	Progress func(done, all int)
}

// DefaultConfig has 95 % intervals, as many seeds as each scenario asks for
// from seed 1 on, and the default margins.
func DefaultConfig() Config {
	return Config{FirstSeed: 1, Level: 0.95, Margins: finding.DefaultMargins()}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("contest: "+format, args...))
		}
	}
	check(c.Seeds >= 0, "seeds is %d; want 1 or more, or 0 for what the scenario asks for", c.Seeds)
	check(c.Level > 0.5 && c.Level < 1, "level is %v; want between 0.5 and 1, such as 0.95", c.Level)
	check(c.Workers >= 0, "workers is %d; want 0 or more", c.Workers)
	if err := c.Margins.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("contest: %w", err))
	}
	return errors.Join(errs...)
}

// check refuses what cannot be compared, and names the reference.
func (c *Config) check(scenarios []*sim.Scenario, entries []Entry) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if len(scenarios) == 0 || len(entries) == 0 {
		return fmt.Errorf("contest: %d scenarios and %d strategies; want at least one of each", len(scenarios), len(entries))
	}
	var names, places []string
	for _, e := range entries {
		if slices.Contains(names, e.Name) {
			return fmt.Errorf("contest: strategy %q is there twice; each needs a name of its own", e.Name)
		}
		names = append(names, e.Name)
	}
	for _, s := range scenarios {
		if slices.Contains(places, s.Name) {
			return fmt.Errorf("contest: scenario %q is there twice; each needs a name of its own", s.Name)
		}
		places = append(places, s.Name)
	}
	if c.Reference == "" {
		c.Reference = names[0]
	}
	if !slices.Contains(names, c.Reference) {
		return fmt.Errorf("contest: the reference %q is none of %q", c.Reference, names)
	}
	return nil
}
