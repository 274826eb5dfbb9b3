package picker

import (
	"math"
	"time"
)

// guard keeps a prober from endpoints that fail quickly and so look idle and
// fast: "sinkholing", which Prequal's authors avoid in a way that they do not
// describe. Ours: a failure drops the endpoint's answer from the pool, and
// later answers are told as slower by the share of its requests that failed
// lately times cost. The share moves by a fifth with each request, and halves
// in 10 s without any, so that the endpoint is tried again.
type guard struct {
	cost  float64 // seconds that a failure counts for; 0: no guard
	known []failing
}

type failing struct {
	share float64
	stamp time.Duration
}

const (
	guardStep = 0.2
	guardHalf = 10 * time.Second
)

func (g *guard) grow(n int) { g.known = resize(g.known, n, failing{}) }

func (g *guard) penalty(now time.Duration, i int) float64 {
	if g.cost == 0 {
		return 0
	}
	return g.cost * g.known[i].at(now)
}

func (k *failing) at(now time.Duration) float64 {
	if k.share == 0 {
		return 0
	}
	return k.share * math.Exp2(-(now-k.stamp).Seconds()/guardHalf.Seconds())
}

func (g *guard) done(now time.Duration, i int, failed bool) { g.known[i].done(now, failed) }

func (k *failing) done(now time.Duration, failed bool) {
	x := 0.0
	if failed {
		x = 1
	}
	k.share = k.at(now)
	k.share += guardStep * (x - k.share)
	k.stamp = now
}
