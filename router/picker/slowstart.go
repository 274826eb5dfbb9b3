package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// slowStart is Envoy's slow start (load_balancer_impl.cc): an endpoint that is
// new, or whose weight was 0, counts as max(10 %, (t/window)^(1/aggression)) of
// its weight, t after it joined. Aggression 1 and 10 % are Envoy's defaults; it
// has none for the window, and 60 s is ours. What counts is the factor relative
// to the oldest endpoint's: when all are new it does nothing, as in Envoy.
//
// Pickers that use weights get scaled ones through Update, each hundredth of
// the window. Others are asked again, at most 8 times, while the endpoint that
// they pick is spared with the chance that it is to be: what they picked before
// counts as sent until an endpoint is taken, so that one that always picks the
// least loaded picks another, and is taken back then.
type slowStart struct {
	inner      Picker
	weighs     bool
	random     *rand.Rand
	window     time.Duration
	least      float64
	aggression float64
	weights    mesh.Weights // as given
	scaled     mesh.Weights
	born       []time.Duration // when each joined; none while it is away
	last       time.Duration   // when the last joined
	oldest     time.Duration
	now, next  time.Duration
	passed     [8]int
}

func newSlowStart(inner Picker, c Config, s settings, weighs bool) Picker {
	return dress(&slowStart{
		inner: inner, weighs: weighs, random: newRandom(c, 15),
		window: s.duration("window"), least: s["least"], aggression: s["aggression"], next: Never,
	}, inner)
}

func (p *slowStart) factor(now time.Duration, i int) float64 {
	return p.at(now-p.born[i]) / p.at(now-p.oldest)
}

func (p *slowStart) at(age time.Duration) float64 {
	if age >= p.window {
		return 1
	}
	x := max(age, time.Millisecond).Seconds() / p.window.Seconds()
	if p.aggression != 1 {
		x = math.Pow(x, 1/p.aggression)
	}
	return min(max(p.least, x), 1)
}

func (p *slowStart) Pick(now time.Duration, r *mesh.Request) int {
	p.now = now
	if p.weighs {
		if now >= p.next {
			p.rescale()
		}
		return p.inner.Pick(now, r)
	}
	if now-p.last >= p.window || p.last == p.oldest {
		return p.inner.Pick(now, r)
	}
	n, i := 0, p.inner.Pick(now, r)
	for ; i >= 0 && n < len(p.passed); n++ {
		if p.random.Float64() < p.factor(now, i) {
			break
		}
		p.passed[n] = i
		i = p.inner.Pick(now, r)
	}
	if i < 0 && n > 0 { // nobody else: take the last that was passed over
		n--
		i = p.passed[n]
	}
	for _, other := range p.passed[:n] {
		recall(p.inner, other)
	}
	return i
}

func (p *slowStart) recall(i int) { recall(p.inner, i) }

func (p *slowStart) Board(b Board) { tell(p.inner, b) }

func (p *slowStart) Done(now time.Duration, i int, o mesh.Outcome) {
	p.now = now
	p.inner.Done(now, i, o)
}

// rescale gives the inner picker the weights of now, and names the next time.
func (p *slowStart) rescale() {
	p.scaled = append(p.scaled[:0], p.weights...)
	p.next = Never
	if p.weighs && p.last != p.oldest && p.now-p.last < p.window {
		for i := range p.scaled {
			if p.scaled[i] > 0 {
				p.scaled[i] *= p.factor(p.now, i)
			}
		}
		scale(p.scaled)
		p.next = p.now + max(p.window/100, time.Millisecond)
	}
	p.inner.Update(p.scaled)
}

func (p *slowStart) Update(w mesh.Weights) {
	p.weights = append(p.weights[:0], w...)
	if len(p.born) > len(w) {
		p.born = p.born[:len(w)]
	}
	p.born = resize(p.born, len(w), none)
	p.last, p.oldest = 0, Never
	for i, x := range w {
		switch {
		case !(x > 0):
			p.born[i] = none
			continue
		case p.born[i] < 0:
			p.born[i] = p.now
		}
		p.last, p.oldest = max(p.last, p.born[i]), min(p.oldest, p.born[i])
	}
	p.rescale()
}
