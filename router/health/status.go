package health

import (
	"fmt"
	"time"
)

// State is what is to be made of an endpoint.
type State uint8

// The states, by how much is known against the endpoint.
const (
	Unknown   State = iota // nothing has been seen of it
	Healthy                // what has been seen speaks for it
	Degraded               // something speaks against it, not enough to act
	Draining               // it is forecast to fail, and is given less
	Unhealthy              // it fails, and gets nothing where others can serve
)

var stateNames = [...]string{"unknown", "healthy", "degraded", "draining", "unhealthy"}

// String is the name that the API and the metrics use.
func (s State) String() string { return stateNames[int(s)%len(stateNames)] }

// Checked is what active checks have said of an endpoint lately. The zero value is
// that of an endpoint without checks.
type Checked struct {
	// State is Unknown until the first checks have ended, then Healthy or
	// Unhealthy, and changes when as many in a row have said otherwise as Rise or
	// Fall ask.
	State State
	// Passed of Total checks passed the last time.
	Passed, Total int
	// Reason is what failed the last time; empty when everything passed.
	Reason string
}

// Forecast is what is expected of an endpoint. The zero value is that of one of
// which nothing is forecast.
type Forecast struct {
	Known       bool
	Probability float64 // of failing within Horizon
	Horizon     time.Duration
	Likely      bool // worth a warning
	// Drained is the part of its weight that is taken away for it, 0 to 1, and
	// Reason why.
	Drained float64
	Reason  string
}

// Status is what is known of an endpoint, and the one thing to be made of it.
type Status struct {
	State    State
	Reason   string // what decided; empty when Healthy
	Checks   Checked
	Passive  Passive
	Forecast Forecast
}

// Combine makes one status of what active checks, the endpoint's own traffic and
// the forecast say. The worst counts: a check that passes does not answer for
// requests that fail, nor the reverse. It is Unknown where nobody says anything.
func Combine(c Checked, p Passive, f Forecast) Status {
	s := Status{Checks: c, Passive: p, Forecast: f}
	switch {
	case p.Ejected:
		s.State, s.Reason = Unhealthy, p.Reason
	case c.State == Unhealthy:
		s.State, s.Reason = Unhealthy, "checks: "+c.Reason
	case f.Drained > 0:
		s.State, s.Reason = Draining, f.Reason
	case p.Outlier:
		s.State, s.Reason = Degraded, p.Reason
	case c.Passed < c.Total:
		s.State, s.Reason = Degraded, "checks: "+c.Reason
	case f.Likely:
		s.State, s.Reason = Degraded, fmt.Sprintf("may fail: %.0f %% within %v", 100*f.Probability, f.Horizon)
	case c.State == Healthy || p.Known:
		s.State = Healthy
	default:
		s.Reason = "no check, and no traffic"
	}
	return s
}
