package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// The kinds of fault, and what their severity counts.
const (
	Slowdown   = "slowdown"        // service time ramps up to severity times, stays, recovers
	Leak       = "leak"            // service time creeps up to severity times while workers and memory are lost; ends in a restart
	ErrorBurst = "error_burst"     // severity is the ratio of requests answered with 500 at the peak
	FastFail   = "fast_failure"    // severity is the ratio of requests answered with 503 within a millisecond
	Crash      = "crash"           // killed, and started again at the end; severity 1
	Noisy      = "noisy_neighbour" // severity is the part of the workers that is lost
	Decoy      = "decoy"           // begins as a slowdown does, to severity times, and recovers by itself
	LeakDecoy  = "leak_decoy"      // begins as a leak does, to severity times, and gives everything back by itself
)

// kinds are all of them, dealt in equal numbers: so half of what ramps up
// comes to nothing, and a forecast that cries at every ramp is wrong half the
// time.
var kinds = []string{Slowdown, ErrorBurst, Crash, Decoy, FastFail, Noisy, LeakDecoy, Leak}

// Fault is something that goes wrong with an endpoint. Times count from the
// start of the load.
type Fault struct {
	Service, Endpoint, Kind string
	Start, Length           time.Duration
	Ramp                    time.Duration // until the severity is reached
	Severity                float64
}

// End is when the endpoint is as it was.
func (f Fault) End() time.Duration { return f.Start + f.Length }

// faultEvery is the mean time from one fault to the next: 24 in half an hour,
// each kind three times.
const faultEvery = 75 * time.Second

// Schedule draws the faults of a recording, in order of their starts: at most
// one per service at a time, with quiet gaps between. A recording of half an
// hour or more with 24 faults or more, which is not one part as a whole, is
// stratified: each part of a split by time (60 %, 20 %, 20 %) has faults to
// learn from or be judged by.
//
// Recordings of less than ten minutes have shorter faults in proportion, so
// that they show some too. The services of c must be valid.
func (c Config) Schedule() ([]Fault, error) {
	count := c.Faults
	if count < 0 {
		count = int(float64(c.Duration)/float64(faultEvery)/c.scale() + 0.5)
	}
	rng := stream(c.Seed, "faults")
	const tries = 50000
	for range tries {
		faults, fits := c.drawFaults(rng, count)
		if fits && (c.Part != datasets.None || c.stratified(faults)) {
			slices.SortFunc(faults, func(a, b Fault) int { return int(a.Start - b.Start) })
			return faults, nil
		}
	}
	return nil, fmt.Errorf("no schedule of %d faults fits in %v; ask for fewer faults or a longer recording", count, c.Duration)
}

// scale shortens the faults of short recordings.
func (c Config) scale() float64 { return min(1, float64(c.Duration)/float64(10*time.Minute)) }

// drawFaults deals kinds to the services and spreads each service's faults
// over the time, uniformly among all ways that keep the gaps.
func (c Config) drawFaults(rng *rand.Rand, count int) ([]Fault, bool) {
	dealt := make([]string, count)
	for i := range dealt {
		dealt[i] = kinds[i%len(kinds)]
	}
	rng.Shuffle(count, func(i, j int) { dealt[i], dealt[j] = dealt[j], dealt[i] })
	endpoints := 0
	for _, s := range c.Services {
		endpoints += len(s.Endpoints)
	}
	var faults []Fault
	for _, s := range c.Services {
		n := (len(dealt)*len(s.Endpoints) + endpoints/2) / endpoints
		placed, fits := c.place(rng, s, dealt[:n])
		if !fits {
			return nil, false
		}
		faults = append(faults, placed...)
		dealt, endpoints = dealt[n:], endpoints-len(s.Endpoints)
	}
	return faults, true
}

// Quiet time, before the scale.
const (
	quietStart = 90 * time.Second
	quietEnd   = 15 * time.Second
	quietGap   = 25 * time.Second
)

// place draws the faults of a service, of the kinds that were dealt to it.
func (c Config) place(rng *rand.Rand, s Service, dealt []string) ([]Fault, bool) {
	scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) * c.scale()) }
	faults := make([]Fault, len(dealt))
	free := c.Duration - scaled(quietStart) - scaled(quietEnd)
	for i, kind := range dealt {
		faults[i] = c.draw(rng, s, kind)
		free -= faults[i].Length
		if i > 0 {
			free -= scaled(quietGap)
		}
	}
	if free < 0 {
		return nil, false
	}
	cuts := make([]time.Duration, len(dealt))
	for i := range cuts {
		cuts[i] = between(rng, 0, free)
	}
	slices.Sort(cuts)
	used := scaled(quietStart)
	for i := range faults {
		faults[i].Start = used + cuts[i]
		used += faults[i].Length + scaled(quietGap)
	}
	return faults, true
}

// draw makes one fault of the kind, without its start. Lengths and severities
// are such that about one window in twenty fails, when all kinds are dealt.
func (c Config) draw(rng *rand.Rand, s Service, kind string) Fault {
	e := s.Endpoints[rng.IntN(len(s.Endpoints))]
	f := Fault{Service: s.Name, Endpoint: e.Name, Kind: kind, Severity: 1}
	switch kind {
	case Slowdown:
		f.Ramp, f.Severity = slowdown(rng)
		f.Length = f.Ramp + between(rng, 15*time.Second, 30*time.Second)
	case Decoy:
		// The slope of a slowdown, which it leaves early.
		ramp, severity := slowdown(rng)
		f.Severity = 1.5 + 0.6*rng.Float64()
		f.Ramp = time.Duration(float64(ramp) * (f.Severity - 1) / (severity - 1))
		f.Length = f.Ramp + between(rng, 20*time.Second, 40*time.Second)
	case Leak:
		f.Length, f.Severity = leak(rng)
		f.Ramp = f.Length
	case LeakDecoy:
		length, severity := leak(rng)
		f.Ramp = time.Duration(float64(length) * (0.35 + 0.15*rng.Float64()))
		f.Severity = 1 + (severity-1)*creep(float64(f.Ramp)/float64(length))
		f.Length = f.Ramp + between(rng, 15*time.Second, 25*time.Second)
	case ErrorBurst:
		f.Length, f.Severity = between(rng, 25*time.Second, 45*time.Second), 0.2+0.4*rng.Float64()
		if rng.IntN(2) == 0 {
			f.Ramp = 15 * time.Second
		}
	case FastFail:
		f.Length, f.Severity = between(rng, 25*time.Second, 45*time.Second), 0.7+0.3*rng.Float64()
	case Crash:
		f.Length = between(rng, 15*time.Second, 30*time.Second)
	case Noisy:
		f.Length = between(rng, 30*time.Second, 70*time.Second)
		f.Severity = float64(e.Workers-max(1, e.Workers/3)) / float64(e.Workers)
	}
	f.Length = time.Duration(float64(f.Length) * c.scale())
	f.Ramp = time.Duration(float64(f.Ramp) * c.scale())
	return f
}

// slowdown and leak draw how long such a fault takes to grow, and how far.
func slowdown(rng *rand.Rand) (ramp time.Duration, severity float64) {
	return between(rng, 45*time.Second, 90*time.Second), 4 + 2*rng.Float64()
}

func leak(rng *rand.Rand) (length time.Duration, severity float64) {
	return between(rng, 150*time.Second, 210*time.Second), 3 + 1.5*rng.Float64()
}

// stratified reports whether each part of the usual split has what it needs.
func (c Config) stratified(faults []Fault) bool {
	if c.Duration < 30*time.Minute || len(faults) < 24 {
		return true
	}
	train, test := c.Duration*60/100, c.Duration*80/100
	learned, last, lastKinds := map[string]bool{}, 0, map[string]int{}
	validation, lastFirst := 0, 0
	for _, f := range faults {
		switch {
		case f.End() <= train:
			learned[f.Kind] = true
		case f.Start >= train && f.End() <= test:
			validation++
		case f.Start >= test:
			last++
			if f.Service == c.Services[0].Name {
				lastFirst++
				lastKinds[f.Kind]++
			}
		}
	}
	return len(learned) == len(kinds) && validation >= 4 && last >= 5 && lastFirst >= 3 &&
		lastKinds[Slowdown] > 0 && lastKinds[ErrorBurst]+lastKinds[FastFail] > 0
}
