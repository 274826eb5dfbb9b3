// Package fitted lets policies compete in a mesh that was fitted to a
// recording: what a plain replay leaves out, that an endpoint which is sent more
// becomes slower, is in it. Each service is fitted by package fit and simulated
// by package contest, with what arrived in the judged part of the recording.
package fitted

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/fit"
)

// Label is what every result of this package is read with.
const Label = "counterfactual simulation (load feedback included)"

// Config says what is fitted, and how the entries compete.
type Config struct {
	// From is where the judged part begins, of which the arrivals are; zero: all
	// of the recording. The fit is made from all of it.
	From time.Time
	// Timing is that of the slow loop: the model's, without which it would see
	// other windows than those that it learned from.
	Timing mesh.Timing
	// WarmUp is the first part of each run, which is not judged: policies must
	// see something first. It is cut to a quarter of the run.
	WarmUp  time.Duration
	Fit     fit.Config // Service is set for each
	Contest contest.Config
	// Fitting, if any, is told how many of the services are fitted.
	Fitting func(done, all int)
}

// DefaultConfig has ten seeds and a warm-up of a minute.
func DefaultConfig() Config {
	c := Config{WarmUp: time.Minute, Fit: fit.DefaultConfig(), Contest: contest.DefaultConfig()}
	c.Contest.Seeds = 10
	return c
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Timing.Step <= 0 || c.Timing.Range <= 0 || c.Timing.Delay < 0 {
		errs = append(errs, fmt.Errorf("fitted: timing is %+v; want the model's, with a step and a range", c.Timing))
	}
	if c.WarmUp < 0 {
		errs = append(errs, fmt.Errorf("fitted: warm-up is %v; want 0 or more", c.WarmUp))
	}
	return errors.Join(append(errs, c.Fit.Validate(), c.Contest.Validate())...)
}
