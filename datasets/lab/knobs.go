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

// leakMB is the memory that a leak holds at its end; a decoy holds as much of
// it, and of the workers, as a leak does before half of its time is over.
const (
	leakMB      = 48
	decoyLeakMB = 20
	decoyHolds  = 0.28
)

// creep is how much of a leak's harm is done when so much of its time is over:
// little at first, so that a leak is seen late.
func creep(grown float64) float64 { return math.Pow(grown, 1.5) }

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
	if f.Kind == Decoy || f.Kind == LeakDecoy {
		tail = f.Length - f.Ramp
	}
	left := min(1, float64(f.Length-elapsed)/float64(tail))
	switch f.Kind {
	case Slowdown, Decoy:
		return Knobs{Slowdown: 1 + (f.Severity-1)*min(grown, left)}
	case Leak:
		return Knobs{Slowdown: 1 + (f.Severity-1)*creep(grown), HeldWorkers: creep(grown), LeakedMB: int(leakMB * grown)}
	case LeakDecoy:
		// As a leak that is noticed when it holds that much.
		harm := creep(grown) * left
		return Knobs{Slowdown: 1 + (f.Severity-1)*harm, HeldWorkers: decoyHolds * harm, LeakedMB: int(decoyLeakMB * grown * left)}
	case ErrorBurst:
		return Knobs{ErrorRatio: f.Severity * grown}
	case FastFail:
		return Knobs{FastFailure: f.Severity}
	case Noisy:
		return Knobs{LostWorkers: f.Severity}
	}
	return Knobs{} // a crash has no knob: the process is gone
}
