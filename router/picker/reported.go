package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// reported is weighted round robin by what endpoints say of themselves: each
// weighs rate / (utilization + errors/rate × penalty), the rate that it would
// have at full utilization.
//
// As wrr_a58 it is gRFC A58 with the numbers of grpc-go: reports beside each
// answer, or out of band; a weight counts after a blackout of 10 s and until 3
// minutes after its last report; weights are taken over each second; an
// endpoint without one weighs their mean, and with fewer than two it is round
// robin. Reports without rate or utilization are not heard.
//
// As wrr it is the WRR of Prequal's figure 7, w = q/u. The paper says that it
// uses smoothed statistics and not how; asking each second, half of each new
// report and no blackout are our reading.
type reported struct {
	open
	random                   *rand.Rand
	blackout, expiry, period time.Duration
	penalty, keep            float64
	known                    []report
	weights                  []float64 // by position in the list of open ones
	schedule                 stride
	next                     time.Duration
}

// report is what is known of one endpoint. A negative time is none.
type report struct {
	rate, utilization, errors float64
	weight                    float64
	last, since               time.Duration
}

const none = time.Duration(-1)

func newReported(c Config, s settings) *reported {
	p := &reported{
		random: newRandom(c, 11), blackout: s.duration("blackout"), expiry: s.duration("expiry"),
		period: s.duration("update"), penalty: s["penalty"], keep: s["smoothing"],
	}
	p.schedule.sequence = p.random.Uint64() >> 32
	return p
}

func (p *reported) Pick(now time.Duration, _ *mesh.Request) int {
	if now >= p.next {
		p.next = now + p.period
		p.weigh(now)
	}
	if k := p.schedule.next(); k >= 0 {
		return p.list[k]
	}
	return -1
}

func (p *reported) weigh(now time.Duration) {
	p.weights = p.weights[:0]
	for _, i := range p.list {
		p.weights = append(p.weights, p.known[i].usable(now, p.expiry, p.blackout))
	}
	p.schedule.set(p.weights)
}

// usable is the weight that counts now, 0 for none. After an expiry the
// blackout begins anew.
func (k *report) usable(now, expiry, blackout time.Duration) float64 {
	if k.last < 0 {
		return 0
	}
	if now-k.last >= expiry {
		k.since = none
		return 0
	}
	if blackout != 0 && (k.since < 0 || now-k.since < blackout) {
		return 0
	}
	return k.weight
}

func (p *reported) hear(now time.Duration, i int, l *mesh.Load) {
	if i < 0 || i >= len(p.known) || !(l.Utilization > 0) || !(l.Rate > 0) || math.IsInf(l.Rate, 0) || math.IsInf(l.Utilization, 0) {
		return
	}
	k, errors := &p.known[i], 0.0
	if l.ErrorRate > 0 {
		errors = l.ErrorRate
	}
	if keep := p.keep; k.last >= 0 && keep > 0 {
		k.rate, k.utilization, k.errors = keep*k.rate+(1-keep)*l.Rate, keep*k.utilization+(1-keep)*l.Utilization, keep*k.errors+(1-keep)*errors
	} else {
		k.rate, k.utilization, k.errors = l.Rate, l.Utilization, errors
	}
	k.weight = k.rate / (k.utilization + k.errors/k.rate*p.penalty)
	k.last = now
	if k.since < 0 {
		k.since = now
	}
}

func (p *reported) Update(w mesh.Weights) {
	p.set(w)
	p.known = resize(p.known, len(w), report{last: none, since: none})
	p.next = 0 // the next pick weighs the new endpoints
	p.weights = slices.Grow(p.weights[:0], len(w))
	p.schedule.weights = slices.Grow(p.schedule.weights[:0], len(w))
}

// besideAnswers hears the reports beside the answers to its own requests.
type besideAnswers struct{ *reported }

func (p besideAnswers) Done(now time.Duration, i int, o mesh.Outcome) {
	if o.Load != nil {
		p.hear(now, i, o.Load)
	}
}

// ReadsLoad says that this picker lives on what is said beside answers.
func (p besideAnswers) ReadsLoad() {}

// outOfBand asks all endpoints for their reports.
type outOfBand struct {
	*reported
	poll *poll
}

func (p outOfBand) Done(time.Duration, int, mesh.Outcome) {}

func (p outOfBand) Probes(dst []int, now time.Duration) ([]int, time.Duration) {
	return p.poll.probes(dst, now, &p.open, p.random)
}

func (p outOfBand) Probed(now time.Duration, i int, l mesh.Load) { p.hear(now, i, &l) }

// newReporting asks out of band where a period says so.
func newReporting(c Config, s settings) Picker {
	p := newReported(c, s)
	if period := s.duration("oob"); period > 0 {
		return outOfBand{p, &poll{period: period}}
	}
	return besideAnswers{p}
}
