package features

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/mesh"
)

// Config says how windows become features. A model is served with the Config
// that it was trained with.
type Config struct {
	// Horizon is how far the crossing probabilities look ahead.
	Horizon time.Duration
	// Objective bounds what counts as working; crossings are towards it.
	Objective mesh.Objective
	// Recent is the time constant of what is called current, in windows; Past
	// that of an endpoint's own past, which the current is compared with.
	Recent, Past float64
	// Gap is how many steps may pass between two windows of a service before
	// trends start anew; levels are kept.
	Gap float64
	// Forget is how long an endpoint may be absent before its memory is
	// dropped.
	Forget time.Duration
	// Anomaly configures the trackers.
	Anomaly anomaly.Config
}

// DefaultConfig looks 30 s ahead, with the origin's objective.
func DefaultConfig() Config {
	return Config{
		Horizon:   30 * time.Second,
		Objective: mesh.DefaultObjective(),
		Recent:    1.5,
		Past:      60,
		Gap:       4,
		Forget:    time.Hour,
		Anomaly:   anomaly.DefaultConfig(),
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("features: "+format, args...))
		}
	}
	check(c.Horizon > 0, "horizon is %v; want more than 0", c.Horizon)
	check(limitLatency(c.Objective) > 0, "objective has neither a max latency nor a deadline")
	check(c.Objective.MaxErrorRatio > 0 && c.Objective.MaxErrorRatio <= 1, "max error ratio is %v; want more than 0, at most 1", c.Objective.MaxErrorRatio)
	check(c.Recent >= 1 && !math.IsInf(c.Recent, 0), "recent is %v windows; want a number ≥ 1", c.Recent)
	check(c.Past > c.Recent && !math.IsInf(c.Past, 0), "past is %v windows; want more than recent, %v", c.Past, c.Recent)
	check(c.Gap >= 1, "gap is %v steps; want at least 1", c.Gap)
	check(c.Forget > 0, "forget is %v; want more than 0", c.Forget)
	errs = append(errs, c.Anomaly.Validate())
	return errors.Join(errs...)
}

// limitLatency is the latency, in seconds, beyond which an endpoint fails.
func limitLatency(o mesh.Objective) float64 {
	if o.MaxLatency > 0 {
		return o.MaxLatency.Seconds()
	}
	return o.Deadline.Seconds()
}
