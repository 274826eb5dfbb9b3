package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// The processes of arrivals.
const (
	Poisson = "poisson"
	Uniform = "uniform" // equal gaps
	Bursty  = "bursty"  // Poisson whose rate is higher by a factor now and then
	Log     = "log"     // the arrivals of a file
)

// Arrivals says when requests come; they come whatever becomes of the earlier ones.
type Arrivals struct {
	Process string `yaml:"process"`
	// Load is the rate as a part of the nominal capacity of all endpoints, Rate
	// in requests per second: one of the two, or neither for a log that is
	// taken as it is.
	Load float64 `yaml:"load"`
	Rate float64 `yaml:"rate"`
	// Steps change the load or the rate at their times.
	Steps []Step `yaml:"steps"`
	Burst Burst  `yaml:"burst"`
	// File is a log of arrivals: CSV with a column time (unix seconds) or
	// TIMESTAMP (as in the Azure traces), or a number per line; .gz too. It is
	// taken relative to the folder of the scenario's file, scaled to the load or
	// rate, and begun again when it ends.
	File string `yaml:"file"`

	gaps  []float64 // of the file, mean 1
	own   float64   // rate of the file itself, 1/s
	scale float64   // by which Scale has changed it; 0: it has not
}

// Step is the load or rate from a time on.
type Step struct {
	At   time.Duration `yaml:"at"`
	Load float64       `yaml:"load"`
	Rate float64       `yaml:"rate"`
}

// Burst says how a bursty process bursts: Markov-modulated between two rates,
// of which the load or rate is the mean.
type Burst struct {
	Factor float64       `yaml:"factor"` // rate in a burst ÷ rate between bursts
	Share  float64       `yaml:"share"`  // part of the time that is burst
	Length time.Duration `yaml:"length"` // mean length of a burst
}

func (a *Arrivals) check(p *problems, path string, duration time.Duration) {
	switch a.Process {
	case Poisson, Uniform, Log:
	case Bursty:
		b := a.Burst
		p.check(b.Factor > 1 && !math.IsInf(b.Factor, 0), path+".burst.factor", "is %v; want more than 1", b.Factor)
		p.check(b.Share > 0 && b.Share < 1, path+".burst.share", "is %v; want between 0 and 1", b.Share)
		p.check(b.Length >= minTime, path+".burst.length", "is %v; want at least %v", b.Length, minTime)
	default:
		p.add(path+".process", "is %q; use one of poisson, uniform, bursty, log", a.Process)
	}
	p.check((a.Process == Log) == (a.File != ""), path+".file", "is %q; name one for the process log, and only there", a.File)
	amount := func(path string, load, rate float64, needed bool) {
		p.check(load >= 0 && rate >= 0 && !math.IsInf(load, 0) && !math.IsInf(rate, 0), path, "has load %v and rate %v; want neither negative nor infinite", load, rate)
		p.check(load == 0 || rate == 0, path, "has both a load and a rate; leave one out")
		p.check(!needed || load > 0 || rate > 0, path, "has neither a load nor a rate; write one")
	}
	amount(path, a.Load, a.Rate, a.Process != Log && len(a.Steps) == 0)
	for i, s := range a.Steps {
		at := fmt.Sprintf("%s.steps.%d", path, i)
		amount(at, s.Load, s.Rate, false)
		p.check(s.At >= 0 && s.At < max(duration, 1), at+".at", "is %v; want a time within the duration, %v", s.At, duration)
		p.check(i == 0 || s.At > a.Steps[i-1].At, at+".at", "is %v; want the steps in order", s.At)
	}
}

// pace is the arrivals of one run. It walks through the integral of the rate,
// in which the gaps have mean 1 whatever the rate does.
type pace struct {
	random *rand.Rand
	kind   string
	gaps   []float64
	next   int // of gaps
	t      float64
	// The rate is constant until the end of a piece: that of the step times
	// that of the burst.
	steps      []piece
	burst      Burst
	bursting   bool
	burstUntil float64
}

type piece struct{ from, rate float64 }

func (a *Arrivals) pace(capacity float64, r *rand.Rand) *pace {
	rate := func(load, rate float64) float64 { return load*capacity + rate }
	p := &pace{random: r, kind: a.Process, gaps: a.gaps, burst: a.Burst, burstUntil: math.Inf(1)}
	p.steps = append(p.steps, piece{0, rate(a.Load, a.Rate)})
	if a.Process == Log && a.Load == 0 && a.Rate == 0 {
		p.steps[0].rate = a.own
	}
	for _, s := range a.Steps {
		p.steps = append(p.steps, piece{s.At.Seconds(), rate(s.Load, s.Rate)})
	}
	if a.Process == Bursty {
		p.bursting = r.Float64() < a.Burst.Share
		p.burstUntil = p.spell()
	}
	return p
}

// spell is how long the state of a bursty process lasts.
func (p *pace) spell() float64 {
	mean := p.burst.Length.Seconds()
	if !p.bursting {
		mean *= (1 - p.burst.Share) / p.burst.Share
	}
	return mean * p.random.ExpFloat64()
}

func (p *pace) rate() float64 {
	rate := p.steps[0].rate
	if p.kind == Bursty {
		rate /= 1 - p.burst.Share + p.burst.Share*p.burst.Factor
		if p.bursting {
			rate *= p.burst.Factor
		}
	}
	return rate
}

func (p *pace) gap() float64 {
	switch p.kind {
	case Uniform:
		return 1
	case Log:
		g := p.gaps[p.next]
		p.next = (p.next + 1) % len(p.gaps)
		return g
	}
	return p.random.ExpFloat64()
}

// arrival is the time of the next request, in seconds; +Inf when none comes.
func (p *pace) arrival() float64 {
	gap := p.gap()
	for {
		if len(p.steps) == 1 && p.steps[0].rate == 0 {
			return math.Inf(1)
		}
		end := p.burstUntil
		if len(p.steps) > 1 {
			end = min(end, p.steps[1].from)
		}
		rate := p.rate()
		if t := p.t + gap/rate; t <= end || math.IsInf(end, 1) {
			p.t = t
			return t
		}
		gap -= rate * (end - p.t)
		p.t = end
		if len(p.steps) > 1 && end == p.steps[1].from {
			p.steps = p.steps[1:]
		}
		if end == p.burstUntil {
			p.bursting = !p.bursting
			p.burstUntil = end + p.spell()
		}
	}
}
