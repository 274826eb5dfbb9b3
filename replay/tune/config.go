// Package tune sets the parameters of strategies by random search with
// successive halving on simulated meshes: on the same meshes and with the same
// budget for all, so that whoever is compared afterwards had the same chance.
package tune

import (
	"errors"
	"fmt"

	"github.com/fairway-mesh/fairway/replay/meshes"
)

// Config says on what and for how long strategies are tuned.
type Config struct {
	// Meshes is how many are tuned on: those of the seeds FirstMesh and the
	// following ones.
	Meshes    int
	FirstMesh uint64
	// Budget is how many runs of a mesh each strategy has at most.
	Budget int
	// Seed is that of the candidates.
	Seed uint64
	// Workers is how many runs go on at once; 0: one on each CPU.
	Workers int
	// Progress, if any, is told which strategy is tuned and how many of its runs
	// are done. It is called from one goroutine at a time.
	Progress func(strategy string, done, all int)
	// Done, if any, is told each result as it comes.
	Done func(Result)
}

// DefaultConfig is 48 meshes and a budget of 1000 runs: some minutes of one core
// for each strategy.
func DefaultConfig() Config {
	return Config{Meshes: 48, FirstMesh: meshes.Tuning, Budget: 1000, Seed: 1}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Meshes < 1 || c.Meshes > meshes.Seeds {
		errs = append(errs, fmt.Errorf("tune: meshes are %d; want 1 to %d", c.Meshes, meshes.Seeds))
	}
	if least := 2 * c.Meshes; c.Budget < least {
		errs = append(errs, fmt.Errorf("tune: the budget is %d runs; want at least %d: the defaults and one other candidate on every mesh", c.Budget, least))
	}
	if c.Workers < 0 {
		errs = append(errs, fmt.Errorf("tune: workers are %d; want 0 or more", c.Workers))
	}
	return errors.Join(errs...)
}
