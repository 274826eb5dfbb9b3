package trial

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Config says how a change is tried.
type Config struct {
	// Share is the part of the requests that the tried line decides at first, and
	// HoldBack that which the former line keeps afterwards.
	Share, HoldBack float64
	// Canary, Windows and Requests are what must have been seen at the first
	// share before it is raised: time, windows of a service, requests of all.
	Canary   time.Duration
	Windows  int
	Requests float64
	// Probation is how long the hold-back stays.
	Probation time.Duration
	// Margin is by which part of the former line's cost the tried line's may be
	// higher.
	Margin float64
	// Alpha bounds the probability that a change which makes nothing worse is
	// rolled back.
	Alpha float64
	// Blind is how long without a window until nothing is known any more.
	Blind time.Duration
	// Patience is how long a trial waits for requests, or for a suspicion to be
	// settled, beyond what it would take without.
	Patience time.Duration
	// Objective is what a good answer is worth to a service; nil: the default to
	// all. Both lines are measured by the same.
	Objective func(service string) mesh.Objective
}

// DefaultConfig is right for windows of 5 to 15 s.
func DefaultConfig() Config {
	return Config{
		Share:     0.1,
		HoldBack:  0.1,
		Canary:    20 * time.Second,
		Windows:   4,
		Requests:  200,
		Probation: 10 * time.Minute,
		Margin:    0.1,
		Alpha:     0.05,
		Blind:     time.Minute,
		Patience:  30 * time.Minute,
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("trial: "+format, args...))
		}
	}
	check(c.Share > 0 && c.Share < 1, "share is %v; want more than 0 and less than 1", c.Share)
	check(c.HoldBack > 0 && c.HoldBack < 1, "hold-back is %v; want more than 0 and less than 1", c.HoldBack)
	check(c.Share <= 1-c.HoldBack, "share %v and hold-back %v: the share would not rise", c.Share, c.HoldBack)
	check(c.Canary >= 0, "canary is %v; want 0 or more", c.Canary)
	check(c.Windows >= 0, "windows are %d; want 0 or more", c.Windows)
	check(c.Requests >= 0, "requests are %v; want 0 or more", c.Requests)
	check(c.Probation >= 0, "probation is %v; want 0 or more", c.Probation)
	check(c.Margin >= 0 && c.Margin < 10, "margin is %v; want 0 or more and less than 10", c.Margin)
	check(c.Alpha > 0 && c.Alpha < 1, "alpha is %v; want more than 0 and less than 1", c.Alpha)
	check(c.Blind > 0, "blind is %v; want more than 0", c.Blind)
	check(c.Patience >= 0, "patience is %v; want 0 or more", c.Patience)
	return errors.Join(errs...)
}

// objective is that of a service.
func (c Config) objective(service string) mesh.Objective {
	if c.Objective == nil {
		return mesh.DefaultObjective()
	}
	return c.Objective(service)
}
