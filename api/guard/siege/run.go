package siege

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// Figures are what a siege comes to.
type Figures struct {
	Set    string    `json:"set"`
	Seeds  int       `json:"seeds"`
	Honest []Traffic `json:"honest"`
	All    Traffic   `json:"all"`
	// BeyondHelp is honest traffic that cannot be told from an attack; All is
	// without it.
	BeyondHelp []Traffic `json:"beyond_help"`
	Attacks    []Attack  `json:"attacks"`
}

// Traffic is one kind of honest traffic, over all seeds. Counts of requests are of
// callers with short-lived certificates; those of callers with long-lived ones have
// names of their own.
type Traffic struct {
	Kind     string `json:"kind"`
	Requests int64  `json:"requests"`
	// Blocked are requests that the judge is to blame for; ByLimit those that the
	// configured limit refuses with or without it.
	Blocked int64 `json:"blocked"`
	ByLimit int64 `json:"by_limit"`
	// PerMillion is Blocked of a million, and Most what it is at most with 95 %
	// confidence (Clopper and Pearson 1934, one-sided; as if requests were
	// independent, which those of one burst are not).
	PerMillion float64 `json:"per_million"`
	Most       float64 `json:"per_million_at_most"`

	LongRequests   int64   `json:"long_lived_requests"`
	LongBlocked    int64   `json:"long_lived_blocked"`
	LongPerMillion float64 `json:"long_lived_per_million"`
	LongMost       float64 `json:"long_lived_per_million_at_most"`
	Raised         int     `json:"raised"` // how often an honest caller left low
	Runs           int     `json:"runs"`
}

// Attack is one kind of attack, over all seeds. Times are seconds from its first
// message, min, median and max of the runs in which it was found.
type Attack struct {
	Kind     string     `json:"kind"`
	Runs     int        `json:"runs"`
	Medium   int        `json:"found_medium"`
	High     int        `json:"found_high"`
	ToMedium [3]float64 `json:"to_medium_s"`
	ToHigh   [3]float64 `json:"to_high_s"`
	// Passed is the median of the messages of the attacker (and of whom the
	// certificate was stolen from) that were answered from its first on.
	Passed int64 `json:"passed_median"`
	// Others are requests of honest callers that were blocked meanwhile.
	Others int64 `json:"others_blocked"`
}

// Run lays siege, with so many seeds of each kind.
func Run(ctx context.Context, s Set, seeds int, say func(string)) (Figures, error) {
	f := Figures{Set: s.Name, Seeds: seeds, All: Traffic{Kind: "all"}}
	for _, h := range honests {
		t, err := s.honest(ctx, h, seeds)
		if err != nil {
			return f, err
		}
		say(fmt.Sprintf("%s: %d + %d requests, %d + %d blocked", h.name, t.Requests, t.LongRequests, t.Blocked, t.LongBlocked))
		f.Honest = append(f.Honest, t)
		f.All.sum(t)
	}
	f.All.finish()
	for _, h := range beyondHelp {
		t, err := s.honest(ctx, h, seeds)
		if err != nil {
			return f, err
		}
		f.BeyondHelp = append(f.BeyondHelp, t)
	}
	for _, a := range attacks {
		got, err := s.attack(ctx, a, seeds)
		if err != nil {
			return f, err
		}
		say(fmt.Sprintf("%s: found %d of %d", a.name, got.Medium, got.Runs))
		f.Attacks = append(f.Attacks, got)
	}
	return f, nil
}

func (s *Set) honest(ctx context.Context, h honest, seeds int) (Traffic, error) {
	t := Traffic{Kind: h.name}
	for seed := range uint64(seeds) {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		m, err := s.mesh(s.Seed+seed, threat.Enforce)
		if err != nil {
			return t, err
		}
		h.plan(s, m)
		m.run(s.Length)
		shortLived, longLived := m.honest()
		t.sum(Traffic{
			Requests: shortLived.sent, Blocked: shortLived.blocked(), ByLimit: shortLived.limit + longLived.limit,
			LongRequests: longLived.sent, LongBlocked: longLived.blocked(), Raised: m.mediums, Runs: 1,
		})
	}
	t.finish()
	return t, nil
}

func (o outcome) blocked() int64 { return o.high + o.long + o.tight }

func (t *Traffic) sum(o Traffic) {
	t.Requests, t.Blocked, t.ByLimit = t.Requests+o.Requests, t.Blocked+o.Blocked, t.ByLimit+o.ByLimit
	t.LongRequests, t.LongBlocked = t.LongRequests+o.LongRequests, t.LongBlocked+o.LongBlocked
	t.Raised, t.Runs = t.Raised+o.Raised, t.Runs+o.Runs
}

func (t *Traffic) finish() {
	t.PerMillion, t.Most = perMillion(t.Blocked, t.Requests)
	t.LongPerMillion, t.LongMost = perMillion(t.LongBlocked, t.LongRequests)
}

func (s *Set) attack(ctx context.Context, a attack, seeds int) (Attack, error) {
	out := Attack{Kind: a.name}
	var medium, high []float64
	var passed []int64
	for seed := range uint64(seeds) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		m, err := s.mesh(s.Seed+1000+seed, threat.Enforce)
		if err != nil {
			return out, err
		}
		at := s.Quiet + time.Duration(600*m.rng.Float64())*time.Second
		who := a.plan(s, m, at.Seconds())
		m.run(at)
		before := m.passed(who)
		m.run(at + a.lasts)
		out.Runs++
		if t, found := m.raised[who]; found {
			medium = append(medium, (t - at).Seconds())
		}
		if t, found := m.highest[who]; found {
			high = append(high, (t - at).Seconds())
		}
		passed = append(passed, m.passed(who)-before)
		shortLived, longLived := m.honest()
		out.Others += shortLived.blocked() + longLived.blocked()
	}
	out.Medium, out.High = len(medium), len(high)
	out.ToMedium, out.ToHigh = spread(medium), spread(high)
	slices.Sort(passed)
	out.Passed = passed[len(passed)/2]
	return out, nil
}

// passed are messages by that name that were answered.
func (m *mesh) passed(name string) (n int64) {
	for _, c := range m.callers {
		if c.name == name {
			n += c.passed
		}
	}
	return n
}

// spread is minimum, median and maximum; zeros of nothing.
func spread(x []float64) [3]float64 {
	if len(x) == 0 {
		return [3]float64{}
	}
	slices.Sort(x)
	return [3]float64{x[0], x[len(x)/2], x[len(x)-1]}
}
