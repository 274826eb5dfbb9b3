package router

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/router/health"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Config says how policies and the table behave.
type Config struct {
	// Rules gives endpoint weights, objectives and limits; nil is no rules.
	Rules *rules.Set
	// StaleAfter is the age of the metrics beyond which a model is not asked;
	// zero: three windows and their delay, as frames come or, if that is longer,
	// as the schema has them.
	StaleAfter time.Duration
	// WarmUp is how many windows of a service are seen before a model is asked.
	WarmUp int
	// MinLoad is the least load that weights are solved for, as a part of the
	// service's capacity: an idle service should not be sent to one endpoint.
	MinLoad float64
	// Course is what has been in force, told by whoever acts on the policy's
	// decisions; nil where nobody does. One policy's alone.
	Course *Course
	// Trust is how much of what the network corrects is taken over, 0 to 1: all
	// of it makes better predictions and worse weights; see
	// predict.Predictor.Curves.
	Trust float64
	// FailureThreshold is the forecast probability, at its lower bound and above
	// that of the peers, at which an endpoint is drained to its floor. A drain
	// begins at half of it, with half of the weight.
	FailureThreshold float64
	// HoldOut is the part of the drains that is not carried out, drawn by lot, so
	// that forecasts can be judged by what comes of them; Seed is that of the lots.
	HoldOut float64
	Seed    uint64
	// Found is what discovery says, by the names that services and endpoints have in
	// the frames; nil: nobody discovers. It is a line's own.
	Found Found
	// Checks is what active checks found; nil: there are none.
	Checks Checks
	// ErrorThreshold is the error ratio from which an endpoint is ejected. At half,
	// and not at the 0.85 of gRFC A50: errors under high load can be the load's
	// or the endpoint's, and a model that takes them for the load's sends some
	// traffic back to see.
	ErrorThreshold float64
	// PanicThreshold is the part of the endpoints that must stay; if fewer
	// would, nothing is ejected, and if fewer are ready, others that serve go on.
	PanicThreshold float64
	// BaseEjection is how long a first ejection lasts; the n-th in a row lasts
	// n times as long, at most MaxEjection (gRFC A50).
	BaseEjection, MaxEjection time.Duration
	// SlowStart is how long an endpoint that returned, or appeared beside others
	// that have served for longer than this, takes to its full weight.
	SlowStart time.Duration
	// TTL is how long an answer may be used.
	TTL time.Duration
	// FirstVersion is that of a table's first edition; 0 is 1. A daemon begins
	// with the time in milliseconds, so that a client that resumes with a
	// version of the process before it is not taken to be up to date.
	FirstVersion uint64
}

// Checks tells what active checks found of an endpoint. It is asked whenever a
// service is decided upon. A health.Runner is one.
type Checks interface {
	Checked(service, endpoint string) health.Checked
}

// Found tells whom discovery knows of a service; nil: it does not know it. It is asked
// whenever a service is decided upon.
type Found interface {
	Members(service string) *Members
}

// DefaultConfig has the times of gRFC A50 for ejections and the origin's 10 s
// for the life of a decision.
func DefaultConfig() Config {
	return Config{
		WarmUp:           6,
		MinLoad:          0.1,
		Trust:            0.3,
		FailureThreshold: 0.7,
		ErrorThreshold:   0.5,
		PanicThreshold:   0.5,
		BaseEjection:     30 * time.Second,
		MaxEjection:      300 * time.Second,
		SlowStart:        30 * time.Second,
		TTL:              10 * time.Second,
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("router: "+format, args...))
		}
	}
	ratio := func(name string, x float64) { check(x >= 0 && x <= 1, "%s is %v; want 0 to 1", name, x) }
	check(c.StaleAfter >= 0, "stale after is %v; want 0 or more", c.StaleAfter)
	check(c.WarmUp >= 0, "warm-up is %d windows; want 0 or more", c.WarmUp)
	ratio("min load", c.MinLoad)
	ratio("trust", c.Trust)
	ratio("failure threshold", c.FailureThreshold)
	ratio("hold-out", c.HoldOut)
	ratio("error threshold", c.ErrorThreshold)
	ratio("panic threshold", c.PanicThreshold)
	check(c.BaseEjection > 0, "base ejection time is %v; want more than 0", c.BaseEjection)
	check(c.MaxEjection >= c.BaseEjection, "max ejection time is %v; want at least the base, %v", c.MaxEjection, c.BaseEjection)
	check(c.SlowStart >= 0, "slow start is %v; want 0 or more", c.SlowStart)
	check(c.TTL > 0, "ttl is %v; want more than 0", c.TTL)
	return errors.Join(errs...)
}
