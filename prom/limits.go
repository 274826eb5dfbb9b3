package prom

import (
	"fmt"
	"time"
)

// Limits is how much a server is asked at a time, and how patiently.
type Limits struct {
	Parallel int           // requests at once
	Points   int           // steps of one range query, at most; servers refuse more than 11,000
	Span     time.Duration // time that one request covers, at most
	Timeout  time.Duration // of one request; longer than the server's own, which says that the query is too heavy
	Attempts int           // of one request
	Pause    time.Duration // before the second attempt; it doubles with each
	Longest  time.Duration // pause, unless the server asks for a longer one
	Seed     uint64        // of the pauses' jitter
}

// DefaultLimits suit history: few requests at once, since the server has
// others to answer, and patience, since a long walk should not end at the
// first hiccup.
func DefaultLimits() Limits {
	return Limits{
		Parallel: 2, Points: 11_000, Span: 24 * time.Hour,
		Timeout: 150 * time.Second, Attempts: 6, Pause: 500 * time.Millisecond, Longest: 30 * time.Second,
		Seed: 1,
	}
}

// LiveLimits suit polling: one attempt, because the next tick is the next one,
// and whoever asks sets the time.
func LiveLimits() Limits {
	l := DefaultLimits()
	l.Attempts, l.Parallel = 1, 16
	return l
}

// Validate reports a setting that makes no sense.
func (l Limits) Validate() error {
	for _, x := range []struct {
		name string
		ok   bool
		got  any
	}{
		{"Parallel", l.Parallel >= 1, l.Parallel},
		{"Points", l.Points >= 1 && l.Points <= 11_000, l.Points},
		{"Span", l.Span >= time.Second, l.Span},
		{"Timeout", l.Timeout > 0, l.Timeout},
		{"Attempts", l.Attempts >= 1, l.Attempts},
		{"Pause", l.Pause >= 0, l.Pause},
		{"Longest", l.Longest >= l.Pause, l.Longest},
	} {
		if !x.ok {
			return fmt.Errorf("the limit %s is %v", x.name, x.got)
		}
	}
	return nil
}
