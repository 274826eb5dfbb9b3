// Package counterfactual simulates what requests would have met had another
// policy routed them.
//
// A plain replay of a trace takes each request's processing time as it was
// recorded, whatever endpoint it goes to now. That is biased twice: another
// endpoint takes another time, and routing changes the queues that later
// requests meet. Here the recorded time is taken apart first, log m = log work
// + log slowness of the endpoint, and the work is sent through the queues
// anew. CausalSim (Alomar et al., NSDI 2023) showed that a randomised trial of
// policies identifies such a factorisation; its load-balancing experiment is
// the measure of this package.
//
// Nothing here reads a clock; the same seed gives the same figures. No value
// is safe for concurrent writes.
package counterfactual

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Config describes a trial in CausalSim's load-balancing environment, and how
// its log is read.
type Config struct {
	Seed uint64
	// Policies are those of the trial, by name; see Policies. What follows a #
	// in a name is ignored: "Random#2" is Random once more.
	Policies []string
	// Trajectories is how many each policy is given, Jobs how long each is.
	Trajectories int
	Jobs         int
	// Noise is the standard deviation of the logarithm of the error with which
	// processing times are logged; 0.05 is about 5 %.
	Noise float64
	// ClassSpread violates what ours assumes: half of the jobs, drawn by coin,
	// take exp(+ClassSpread·g) times as long at an endpoint and the others
	// exp(−ClassSpread·g), where g is a standard normal number of the endpoint.
	ClassSpread float64
	// InstrumentOnly forbids to compare jobs within a trajectory: a must when
	// a policy sees how large a job is before it chooses.
	InstrumentOnly bool
}

// DefaultConfig has 16 policies × 100 trajectories × 1000 jobs, a third of the
// paper's log.
func DefaultConfig() Config {
	return Config{Seed: 1, Policies: Policies(), Trajectories: 100, Jobs: 1000}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("counterfactual: "+format, args...))
		}
	}
	check(len(c.Policies) >= 2, "%d policies; want at least 2, as one is left out", len(c.Policies))
	for i, name := range c.Policies {
		_, err := policyNamed(name)
		check(err == nil, "%v", err)
		check(!slices.Contains(c.Policies[:i], name), "policy %q stands twice; call it %q to try it twice", name, name+"#2")
	}
	check(c.Trajectories >= 1, "%d trajectories; want at least 1", c.Trajectories)
	check(c.Jobs >= 2, "%d jobs; want at least 2", c.Jobs)
	check(c.Noise >= 0 && c.Noise <= 2, "noise is %v; want 0 to 2", c.Noise)
	check(math.Abs(c.ClassSpread) <= 2, "class spread is %v; want -2 to 2", c.ClassSpread)
	return errors.Join(errs...)
}
