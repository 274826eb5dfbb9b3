package health

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Target is an endpoint and how it is checked.
type Target struct {
	Endpoint string // its name
	Checks   []Check
	// Interval is the time between the beginnings of two rounds, and Timeout how
	// long all checks of one may take.
	Interval, Timeout time.Duration
	// Least is the part of the checks, 0 to 1, that must pass in a round.
	Least float64
	// Rise and Fall are after how many rounds in a row that pass an endpoint is
	// healthy again, and after how many that do not it is unhealthy. The first
	// round that passes makes it healthy.
	Rise, Fall int
}

// Validate reports everything that is out of range.
func (t Target) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("health: endpoint %s: "+format, append([]any{t.Endpoint}, args...)...))
		}
	}
	check(len(t.Checks) > 0, "no checks")
	check(t.Interval > 0, "interval is %v; want more than 0", t.Interval)
	check(t.Timeout > 0, "timeout is %v; want more than 0", t.Timeout)
	check(t.Least >= 0 && t.Least <= 1, "least part is %v; want 0 to 1", t.Least)
	check(t.Rise >= 1, "rise is %d; want 1 or more", t.Rise)
	check(t.Fall >= 1, "fall is %d; want 1 or more", t.Fall)
	return errors.Join(errs...)
}

// alike reports whether two targets ask the same, so that what is known of the one
// holds of the other.
func (t Target) alike(u Target) bool {
	if len(t.Checks) != len(u.Checks) || t.Interval != u.Interval || t.Timeout != u.Timeout || t.Least != u.Least || t.Rise != u.Rise || t.Fall != u.Fall {
		return false
	}
	for i := range t.Checks {
		if t.Checks[i].Name != u.Checks[i].Name {
			return false
		}
	}
	return true
}

// after is what is known after one round more, and how many in a row have now
// said otherwise than the state does.
func (t Target) after(known Checked, against int, v Verdict) (Checked, int) {
	next := Checked{State: known.State, Passed: v.Passed, Total: v.Total}
	if v.Err != nil {
		next.Reason = firstLine(v.Err)
		if !v.Healthy {
			next.Reason = v.Reason + ": " + next.Reason
		}
	}
	said, needed := Healthy, t.Rise
	if !v.Healthy {
		said, needed = Unhealthy, t.Fall
	}
	switch {
	case said == known.State:
		return next, 0
	case known.State == Unknown && said == Healthy:
		needed = 1
	}
	if against++; against >= needed {
		next.State, against = said, 0
	}
	return next, against
}

// firstLine is the first line of a joined error, and how many more there are.
func firstLine(err error) string {
	text, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		text += fmt.Sprintf(" (and %d more)", strings.Count(rest, "\n")+1)
	}
	return text
}
