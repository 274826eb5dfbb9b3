package trial

import (
	"fmt"
	"time"
)

// Step is what to do with a trial.
type Step int

// The steps. After the last two the trial is over, and its verdict stays.
const (
	GoOn     Step = iota // serve the verdict's share
	Adopt                // the tried line is the only one from now on
	RollBack             // the former line is the only one again
)

func (s Step) String() string { return [...]string{"go on", "adopt", "roll back"}[s] }

// Reason says why a step is taken; a closed set, for a label of metrics.
type Reason string

// The reasons.
const (
	Collecting Reason = "collecting"   // too little has been seen at this share
	Watching   Reason = "watching"     // in probation, nothing found so far
	Suspected  Reason = "suspected"    // it may be worse: nothing is raised before that is settled
	Blind      Reason = "no_windows"   // no metrics come: the share falls to the first one, and the clock stands
	Passed     Reason = "passed"       // adopted: not found worse
	Unjudged   Reason = "few_requests" // adopted: too few requests came to tell
	Worse      Reason = "worse"        // rolled back: requests cost more with the tried line
	Unseen     Reason = "unseen"       // rolled back: metrics tell nothing of where the tried line sends most requests
	Declines   Reason = "declines"     // rolled back: the tried line's model does not answer where the former one's does
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{Collecting, Watching, Suspected, Blind, Passed, Unjudged, Worse, Unseen, Declines}
}

// Verdict is what to do now, and what it rests on.
type Verdict struct {
	Time   time.Time
	Step   Step
	Share  float64 // part of the requests that the tried line decides from now on
	Reason Reason
	Why    string // a sentence for people
	// Probation says that the tried line has all but the hold-back.
	Probation bool
	// Evidence that it is worse, and how much is Needed to roll back: 1/α.
	Evidence, Needed float64
	All              Comparison // of all requests
	Worst            Comparison // the service of most evidence
	Services         int        // compared so far
	Declined         int        // services that the tried line's model does not answer, and the former's does
	Unseen           int        // services whose metrics tell nothing of where the tried line sends most requests
}

// Comparison is how both lines have fared in a service, or in all, since the trial
// began. Costs are means over requests, in seconds.
type Comparison struct {
	Service       string
	Former, Tried float64
	// Difference is the mean over windows of by which part of the former line's
	// cost the tried line's is higher; Low and High bound it, all windows of the
	// trial at once, with confidence 1−α.
	Difference, Low, High float64
	Evidence              float64
	Windows               int
	Requests              float64
}

func (c Comparison) String() string {
	name := c.Service
	if name == "" {
		name = "all services"
	}
	if c.Windows == 0 {
		return name + ": nothing compared yet"
	}
	return fmt.Sprintf("%s: %.3g ms a request with the tried line, %.3g ms with the former (%+.0f %%, between %+.0f and %+.0f %%; %d windows, %.0f requests)",
		name, 1e3*c.Tried, 1e3*c.Former, 100*c.Difference, 100*c.Low, 100*c.High, c.Windows, c.Requests)
}

func (e *evidence) comparison(service string, alpha float64) Comparison {
	low, high := e.interval(alpha)
	c := Comparison{Service: service, Difference: relative(e.mean), Low: relative(low), High: relative(high),
		Evidence: e.value(), Windows: e.windows, Requests: e.requests}
	if e.requests > 0 {
		c.Former, c.Tried = e.cost.former/e.requests, e.cost.tried/e.requests
	}
	return c
}
