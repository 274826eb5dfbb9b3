package anomaly

import (
	"errors"
	"fmt"
)

// Config says how a Tracker remembers.
type Config struct {
	// Alpha is the weight of a new value in a metric's slow level and scale.
	Alpha float64
	// Warmup is how many values a metric must have had before it can be strange.
	Warmup int
	// Clip bounds, in scales, how far one value can move the level.
	Clip float64
	// Strongest is how many metrics are pooled into the score.
	Strongest int
	// Golden are the metrics, by their place and in order, whose newest stretch
	// is also compared with every stretch of their recent past. Each costs some
	// 30 µs per value and 17 kB. Places that a tracker has no metric for are
	// nobody's.
	Golden []int
}

const (
	// stretch and recall are how many values of a golden metric are compared,
	// and with how many before them.
	stretch, recall = 24, 1024
)

// DefaultConfig is a slow level that a burst of a few windows does not move.
func DefaultConfig() Config { return Config{Alpha: 0.005, Warmup: 30, Clip: 4, Strongest: 3} }

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("anomaly: "+format, args...))
		}
	}
	check(c.Alpha > 0 && c.Alpha < 1, "alpha is %v; want between 0 and 1", c.Alpha)
	check(c.Warmup >= 2, "warm-up is %d values; want at least 2", c.Warmup)
	check(c.Clip > 1, "clip is %v scales; want more than 1", c.Clip)
	check(c.Strongest >= 1, "strongest is %d metrics; want at least 1", c.Strongest)
	for i, place := range c.Golden {
		check(place >= 0 && (i == 0 || place > c.Golden[i-1]), "golden metrics are at %d; want places from 0 on, in order", c.Golden)
	}
	return errors.Join(errs...)
}
