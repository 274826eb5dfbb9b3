package sim

import (
	"math"
	"math/rand/v2"
	"sort"
)

// draws is what is drawn for each request when it arrives, in the order of
// arrivals and so the same whatever a strategy does.
type draws struct {
	random, luck  *rand.Rand
	classes       []float64 // running sums of the shares
	work          []sampler
	meanWork      float64
	proxies, busy int     // of the proxies the first busy ones
	part          float64 // get this part of the requests
	lucky         bool    // luck is drawn, as some event needs it
}

func newDraws(s *Scenario, seed uint64) draws {
	d := draws{random: stream(seed, workStream), luck: stream(seed, luckStream), proxies: s.Proxies.Count}
	sum := 0.0
	for _, c := range s.Classes {
		sum += c.Share
		d.classes, d.work = append(d.classes, sum), append(d.work, c.Work.sampler())
		d.meanWork += c.Share * c.Work.Mean.Seconds()
	}
	d.meanWork /= sum
	for i := range d.classes {
		d.classes[i] /= sum
	}
	if k := s.Proxies.Skew; k.Proxies > 0 && d.proxies > 1 {
		d.busy = min(max(int(math.Round(k.Proxies*float64(d.proxies))), 1), d.proxies-1)
		d.part = k.Requests
	}
	for _, e := range s.Events {
		d.lucky = d.lucky || e.Kind == Errors || e.Kind == SinkHole || e.Kind == ErrorRamp
	}
	return d
}

func (d *draws) request(q *request) {
	switch {
	case d.proxies == 1:
		q.proxy = 0
	case d.busy == 0:
		q.proxy = int32(d.random.IntN(d.proxies))
	case d.random.Float64() < d.part:
		q.proxy = int32(d.random.IntN(d.busy))
	default:
		q.proxy = int32(d.busy + d.random.IntN(d.proxies-d.busy))
	}
	q.class = 0
	if len(d.classes) > 1 {
		q.class = int32(min(sort.SearchFloat64s(d.classes, d.random.Float64()), len(d.classes)-1))
	}
	q.work = d.work[q.class](d.random)
	if d.lucky {
		q.luck = d.luck.Float64()
	}
}
