package lab

import (
	"math"
	"math/rand/v2"
	"time"
)

// The shape of the load: a day of twenty minutes, with bursts upon it.
const (
	dayLength   = 20 * time.Minute
	dayDepth    = 0.4
	burstFactor = 1.5
	burstEvery  = 90 * time.Second // mean time from one burst to the next
)

// planned is a request that will be sent, whatever becomes of earlier ones.
type planned struct {
	at         time.Duration // from the start of the load
	class      int
	endpoint   int
	propensity int // the probability of this endpoint, in 1/shareUnit
}

// plan draws the requests of a service, in order of their times.
func plan(seed uint64, s Service, duration time.Duration) []planned {
	var (
		rate     = newShape(stream(seed, "rate/"+s.Name), s.Rate, duration)
		arrivals = stream(seed, "arrivals/"+s.Name)
		choices  = stream(seed, "choices/"+s.Name)
		spans    = periods(stream(seed, "shares/"+s.Name), len(s.Endpoints), duration)
		requests []planned
	)
	// Poisson arrivals of a changing rate, by thinning those of the peak rate
	// (Lewis and Shedler, 1979).
	for at := 0.0; ; {
		at += arrivals.ExpFloat64() / rate.peak()
		t := time.Duration(at * float64(time.Second))
		if t >= duration {
			return requests
		}
		if arrivals.Float64()*rate.peak() >= rate.at(t) {
			continue
		}
		for t >= spans[0].end {
			spans = spans[1:]
		}
		chosen := spans[0].pick(choices)
		requests = append(requests, planned{t, s.draw(arrivals), chosen, spans[0].shares[chosen]})
	}
}

// draw returns the class of a request.
func (s Service) draw(rng *rand.Rand) int {
	u := rng.Float64()
	for i, c := range s.Classes {
		if u -= c.Share; u < 0 {
			return i
		}
	}
	return len(s.Classes) - 1 // only rounding leads here
}

// shape is a rate over time.
type shape struct {
	base   float64
	phase  float64
	bursts [][2]time.Duration
}

// newShape draws the phase of the day and the bursts. The base is such that
// the mean over a whole day is the mean asked for.
func newShape(rng *rand.Rand, mean float64, duration time.Duration) shape {
	s := shape{phase: rng.Float64() * 2 * math.Pi}
	burst := 0.0 // seconds, in all
	for at := time.Duration(0); ; {
		at += time.Duration(rng.ExpFloat64() * float64(burstEvery))
		end := at + between(rng, 10*time.Second, 20*time.Second)
		if end >= duration {
			break
		}
		s.bursts = append(s.bursts, [2]time.Duration{at, end})
		burst += (end - at).Seconds()
		at = end
	}
	s.base = mean / (1 + (burstFactor-1)*burst/duration.Seconds())
	return s
}

func (s shape) at(t time.Duration) float64 {
	rate := s.base * (1 + dayDepth*math.Sin(2*math.Pi*float64(t)/float64(dayLength)+s.phase))
	for _, b := range s.bursts {
		if t >= b[0] && t < b[1] {
			return rate * burstFactor
		}
	}
	return rate
}

func (s shape) peak() float64 { return s.base * (1 + dayDepth) * burstFactor }
