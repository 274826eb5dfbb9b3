// Package health checks endpoints actively and judges the answers.
//
// Several kinds of check ask one endpoint; it is healthy when the part of them
// that pass is at least the minimum. The verdict is pure: checks may as well
// have been run by somebody else.
package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Check asks one thing of one endpoint. A nil error means that it passed. It
// ends with its context.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Result is what became of one check.
type Result struct {
	Name string
	Err  error // nil: passed
}

// Run runs all checks at once and returns their results in the order of the
// checks, when the last has ended. It bounds no time: ctx does.
func Run(ctx context.Context, checks []Check) []Result {
	results := make([]Result, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = Result{c.Name, c.Run(ctx)} })
	}
	all.Wait()
	return results
}

// Verdict says whether an endpoint is healthy, and if not, why.
type Verdict struct {
	Healthy       bool
	Passed, Total int
	Reason        string // "only 1/3 checks passed"; empty when healthy
	Err           error  // of the checks that failed, joined; nil when all passed
}

// Judge holds results to the least part, from 0 to 1, that must have passed.
// An endpoint without checks is healthy: nothing speaks against it.
func Judge(results []Result, least float64) Verdict {
	v := Verdict{Total: len(results)}
	var errs []error
	for _, r := range results {
		if r.Err == nil {
			v.Passed++
		} else {
			errs = append(errs, fmt.Errorf("check %s: %w", r.Name, r.Err))
		}
	}
	v.Err = errors.Join(errs...)
	const rounding = 1e-9 // 2 of 3 is enough where 0.666666667 is asked
	if v.Healthy = float64(v.Passed) >= (least-rounding)*float64(v.Total); !v.Healthy {
		v.Reason = fmt.Sprintf("only %d/%d checks passed", v.Passed, v.Total)
	}
	return v
}
