package lab

import (
	"math"
	"time"
)

// Knobs are what is wrong with an endpoint right now. The zero value is health.
type Knobs struct {
	Slowdown    float64 // multiplies the service time; below 1 counts as 1
	ErrorRatio  float64 // part of the requests that end in 500
	FastFailure float64 // part of the requests that end in 503 at once
	LostWorkers float64 // part of the pool that is gone, as with a noisy neighbour
	HeldWorkers float64 // part of the pool that never comes back, as with a leak
	LeakedMB    int     // memory held for nothing
}

// leakMB is the memory that a leak holds at its end.
const leakMB = 48

// knobs returns what the fault does to its endpoint, elapsed after its start.
func (f Fault) knobs(elapsed time.Duration) Knobs {
	if elapsed >= f.Length {
		return Knobs{}
	}
	grown := 1.0
	if f.Ramp > 0 {
		grown = min(1, float64(elapsed)/float64(f.Ramp))
	}
	// What recovers by itself does so in its last part.
	tail := min(5*time.Second, f.Length/10)
	if f.Kind == Decoy {
		tail = f.Length - f.Ramp
	}
	faded := min(1, float64(f.Length-elapsed)/float64(tail))
	switch f.Kind {
	case Slowdown, Decoy:
		return Knobs{Slowdown: 1 + (f.Severity-1)*min(grown, faded)}
	case Leak:
		// Slow at first: a leak is seen late.
		creep := math.Pow(grown, 1.5)
		return Knobs{Slowdown: 1 + (f.Severity-1)*creep, HeldWorkers: creep, LeakedMB: int(leakMB * grown)}
	case ErrorBurst:
		return Knobs{ErrorRatio: f.Severity * grown}
	case FastFail:
		return Knobs{FastFailure: f.Severity}
	case Noisy:
		return Knobs{LostWorkers: f.Severity}
	}
	return Knobs{} // a crash has no knob: the process is gone
}
