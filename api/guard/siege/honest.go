package siege

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Set is what a siege draws from.
type Set struct {
	Name  string
	Rates Rates
	// Seeds begin here.
	Seed uint64
	// Hard widens the ranges that bursts and attacks are drawn from.
	Hard float64
	// Scale makes of the rate of a recorded endpoint, some 10 requests/s, that of a
	// caller.
	Scale float64
	// Quiet is how long nothing happens at first, and Length how long honest traffic
	// lasts.
	Quiet, Length time.Duration
}

// Tuning is what thresholds were chosen on.
func Tuning(rates Rates) Set {
	return Set{Name: "tuning", Rates: rates, Seed: 1, Scale: 3, Quiet: 80 * time.Minute, Length: 4 * time.Hour}
}

// Report is what is reported.
func Report(rates Rates) Set {
	return Set{Name: "report", Rates: rates, Seed: 1_000_000, Hard: 1, Scale: 3, Quiet: 80 * time.Minute, Length: 4 * time.Hour}
}

// headroom makes of the highest rate that is usual for any caller the limit: what
// docs/threats.md advises.
const headroom = 2

// callers in a mesh, of which each asks about a few of so many services.
const callers, services = 16, 120

// newcomers are called by name; there may be more later.
func (s *Set) mesh(seed uint64, mode string) (*mesh, error) {
	m, err := newMesh(seed, headroom*s.Scale*s.Rates.highest(), mode)
	if err != nil {
		return nil, err
	}
	names := serviceNames(services)
	for i := range callers {
		var base func(float64) float64
		if i%2 == 0 {
			base = s.Rates.curve(m.rng, s.Scale)
		} else {
			base = synthetic(m.rng, s.Scale*s.Rates.mean())
		}
		m.join(fmt.Sprintf("proxy-%d", i), pick(m.rng, names, 2+m.rng.IntN(6)), base)
	}
	return m, nil
}

// synthetic wanders around a rate: an Ornstein-Uhlenbeck process of its logarithm,
// with a wave of an hour or so.
func synthetic(rng *rand.Rand, rate float64) func(at float64) float64 {
	rate *= math.Exp(0.5 * rng.NormFloat64())
	period, phase, depth := 1800+3600*rng.Float64(), 2*math.Pi*rng.Float64(), 0.4*rng.Float64()
	own := rand.New(rand.NewPCG(rng.Uint64(), 1))
	x, last := 0.0, 0.0
	return func(at float64) float64 {
		if at-last >= 1 {
			x += -x/60 + 0.25*math.Sqrt(2.0/60)*own.NormFloat64()
			last = at
		}
		return rate * math.Exp(x) * (1 + depth*math.Sin(phase+2*math.Pi*at/period))
	}
}

func pick(rng *rand.Rand, names []string, n int) []string {
	names = slices.Clone(names)
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))]
}

// between draws uniformly; a hard set from a range that is wider by a half above.
func (s *Set) between(m *mesh, low, high float64) float64 {
	return low + (high-low)*(1+s.Hard/2)*m.rng.Float64()
}

// honest is a kind of honest traffic with its bursts.
type honest struct {
	name  string
	about string
	plan  func(s *Set, m *mesh)
}

// beyondHelp is honest traffic that the judge takes for an attack, since it is like
// one; it is counted apart.
var beyondHelp = []honest{
	{"cron beyond half the limit", "the same job, sending 0.6 to 0.95 of the limit", cron(0.6, 0.95)},
	{"a new gateway", "one that asks about 60 services comes later", gateways(1)},
	{"all grow beyond it", "all callers grow to three times the rate that the limit was chosen for", morning(3)},
	{"one grows to the limit", "one caller alone grows to 0.95 of the limit in an hour", growing(0.95)},
	{"one grows to half the limit", "one caller alone grows to 0.5 of the limit in an hour", growing(0.5)},
}

var honests = []honest{
	{"quiet", "nothing happens", func(*Set, *mesh) {}},
	{"deploys", "each caller restarts once, is away for 20 s, catches up, and asks about 1 to 4 services more", deploys},
	{"retry storm", "an outage of 30 s, after which all send 3 to 6 times as much, for minutes", storm},
	{"cron", "a job that is silent but for some minutes of each hour, and then sends up to half of the limit", cron(0.1, 0.5)},
	{"new service", "two new callers, and a new service that half of the others ask about", newService},
	{"failover", "half of the callers fall silent, the others send twice as much, for 20 minutes", failover},
	{"fleet restart", "all callers go, and come back within a minute with a burst and a service more", restart},
	{"gateways", "the daemon has just begun, and two callers ask about 60 services each, of some of them rarely", gateways(0)},
	{"morning", "all callers grow from a third of their rate to all of it in an hour", morning(1)},
}

// window is a factor between two times that comes and goes in some seconds.
func window(from, until, factor, ease float64) func(at float64) float64 {
	return func(at float64) float64 {
		in := min(max((at-from)/ease, 0), 1) - min(max((at-until)/ease, 0), 1)
		return 1 + (factor-1)*in
	}
}

// when is a time after the quiet.
func (s *Set) when(m *mesh, share float64) float64 {
	return s.Quiet.Seconds() + share*(s.Length-s.Quiet).Seconds()*m.rng.Float64()
}

func (m *mesh) on(at float64, do func()) {
	m.events = append(m.events, event{time.Duration(at * float64(time.Second)), do})
	slices.SortStableFunc(m.events, func(a, b event) int { return int(a.at - b.at) })
}

func deploys(s *Set, m *mesh) {
	for _, c := range m.callers {
		at, more := s.when(m, 0.9), 1+m.rng.IntN(4)
		away, after := window(at, at+20, 0, 0.1), window(at+20, at+80, s.between(m, 1.3, 2.5), 1)
		c.factor = func(at float64) float64 { return away(at) * after(at) }
		m.on(at+20, func() {
			c.ctx = m.connect(c)
			for _, service := range pick(m.rng, serviceNames(services), more) {
				c.ask(service)
			}
		})
	}
}

func storm(s *Set, m *mesh) {
	at := s.when(m, 0.8)
	for _, c := range m.callers {
		by, fade := s.between(m, 3, 6), s.between(m, 40, 90)
		c.factor = func(t float64) float64 {
			switch {
			case t < at:
				return 1
			case t < at+30:
				return 0.1
			}
			return 1 + (by-1)*math.Exp(-(t-at-30)/fade)
		}
	}
}

func growing(to float64) func(s *Set, m *mesh) {
	return func(s *Set, m *mesh) {
		c := ramp(to)(s, m, s.Quiet.Seconds())
		for _, x := range m.callers {
			if x.name == c {
				x.evil = false
			}
		}
	}
}

func cron(low, high float64) func(s *Set, m *mesh) {
	return func(s *Set, m *mesh) { hourly(s, m, m.rate*(low+(high-low)*m.rng.Float64())) }
}

func hourly(s *Set, m *mesh, rate float64) {
	c := m.join("cron", pick(m.rng, serviceNames(services), 5), func(float64) float64 { return 0.02 })
	from, lasts := 1200+2400*m.rng.Float64(), s.between(m, 60, 180)
	c.plus = func(at float64) float64 {
		if since := math.Mod(at-from+7200, 3600); at >= from && since < lasts {
			return rate
		}
		return 0
	}
}

func newService(s *Set, m *mesh) {
	at, name := s.when(m, 0.7), "brand-new.shop.svc.cluster.local"
	for i, c := range m.callers {
		if i%2 == 0 {
			m.on(at+60*m.rng.Float64(), func() { c.ask(name) })
		}
	}
	for i := range 2 {
		rate := s.between(m, 0.5, 1.5) * s.Scale * s.Rates.mean()
		m.on(at, func() {
			m.join(fmt.Sprintf("brand-new-%d", i), pick(m.rng, serviceNames(services), 2+m.rng.IntN(8)), synthetic(m.rng, rate))
		})
	}
}

// gateways ask about service k of 60 in proportion to 1/k, after so many times the
// quiet.
func gateways(after float64) func(s *Set, m *mesh) {
	return func(s *Set, m *mesh) {
		for i, rate := range []float64{1, s.Scale * s.Rates.mean()} {
			m.on(after*s.Quiet.Seconds(), func() {
				c := m.join(fmt.Sprintf("gateway-%d", i), nil, synthetic(m.rng, rate))
				for k, name := range pick(m.rng, serviceNames(services), 60) {
					for range 60 / (k + 1) {
						c.ask(name)
					}
				}
			})
		}
	}
}

func failover(s *Set, m *mesh) {
	at, by := s.when(m, 0.7), s.between(m, 1.8, 2.2)
	for i, c := range m.callers {
		if i >= len(m.callers)/2 {
			by = 0
		}
		c.factor = window(at, at+1200, by, 10)
		m.on(at+1200, func() { c.ctx = m.connect(c) })
	}
}

func restart(s *Set, m *mesh) {
	at := s.when(m, 0.8)
	for _, c := range m.callers {
		back := at + 10 + 50*m.rng.Float64()
		away, burst := window(at, back, 0, 0.1), window(back, back+30, s.between(m, 2, 4), 1)
		c.factor = func(t float64) float64 { return away(t) * burst(t) }
		m.on(back, func() {
			c.ctx = m.connect(c)
			c.ask("rolled-out.shop.svc.cluster.local")
		})
	}
}

func morning(to float64) func(s *Set, m *mesh) {
	return func(s *Set, m *mesh) {
		at := s.when(m, 0.3)
		for _, c := range m.callers {
			by := s.between(m, 2.5, 3.5)
			c.factor = func(t float64) float64 { return to / by * math.Pow(by, min(max((t-at)/3600, 0), 1)) }
		}
	}
}
