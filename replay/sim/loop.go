package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// startSlowLoop begins scrapes, where anybody looks at them, and decisions,
// unless slow is nil.
func (r *run) startSlowLoop(slow slowLoop, seed uint64) {
	r.slow = slow
	if r.slow == nil && r.observer.Scraped == nil {
		return
	}
	random, m := stream(seed, metricsStream), r.scenario.Metrics
	for i := range r.endpoints { // each has a time of its own in the interval, as with Prometheus
		r.agenda.add(int64(random.Float64()*float64(m.Scrape)), r.scrape, int32(i))
	}
	if r.slow == nil {
		return
	}
	n := len(r.endpoints)
	r.inUse = make(mesh.Weights, n)
	r.inUse.Equal()
	r.agenda.add(int64(m.Step), func(int32) { r.decide(random) }, 0)
	for k := range r.result.Slots {
		end := min(int64(k+1)*r.measure.width, r.end)
		r.agenda.add(end, func(k int32) { r.result.Slots[k].Weights = slices.Clone(r.inUse) }, int32(k))
	}
}

func (r *run) scrape(i int32) {
	r.agenda.add(r.now+int64(r.scenario.Metrics.Scrape), r.scrape, i)
	r.endpoints[i].scrape(r.now, &r.counters)
	if r.observer.Scraped != nil {
		r.observer.Scraped(time.Duration(r.now), int(i), &r.counters)
	}
	if r.slow != nil && !r.scenario.Decisions.Stale.holds(r.now) {
		r.slow.scrape(time.Duration(r.now), int(i), &r.counters)
	}
}

func (r *run) decide(random *rand.Rand) {
	r.agenda.add(r.now+int64(r.scenario.Metrics.Step), func(int32) { r.decide(random) }, 0)
	if r.scenario.Decisions.Down.holds(r.now) {
		return
	}
	told, declined, err := r.slow.decide(time.Duration(r.now))
	if err != nil {
		r.err = err
		return
	}
	if declined != "" {
		if r.result.Declined == nil {
			r.result.Declined = map[string]int{}
		}
		r.result.Declined[declined]++
	}
	if told.weights == nil {
		return
	}
	told.weights, told.board = slices.Clone(told.weights), told.board.Clone()
	r.measure.publish(r.inUse, told.weights)
	r.inUse = told.weights
	for p := range r.proxies {
		x := r.proxies[p]
		late := int64(random.Float64() * float64(r.scenario.Metrics.Jitter))
		x.newsAt = max(r.now+int64(r.scenario.Decisions.Delay)+late, x.newsAt)
		x.news.push(told)
		r.agenda.add(x.newsAt, r.doNews, int32(p))
	}
}

// hear lets a proxy have the weights that have reached it.
func (r *run) hear(p int32) {
	x := r.proxies[p]
	told := x.news.pop()
	x.picker.Update(told.weights)
	if b, reads := x.picker.(picker.BoardReader); reads {
		b.Board(told.board)
	}
	if x.held.n > 0 {
		r.offer(p)
	}
}
