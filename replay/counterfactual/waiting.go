package counterfactual

import (
	"container/heap"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// served is a request as its endpoint saw it. The proxy's log has only when it
// was sent and when it was answered; the time in between is waiting and
// processing together.
type served struct {
	request  datasets.Request
	endpoint int
	waited   time.Duration // in the endpoint's queue
	free     bool          // found a free worker
}

func (s *served) left() time.Time { return s.request.Time.Add(s.request.Latency) }

// processing is what remains of the latency; never negative.
func (s *served) processing() time.Duration { return max(0, s.request.Latency-s.waited) }

// separate tells waiting from processing at one endpoint of c workers that
// serve first come, first served. There a request begins as soon as fewer than
// c of the earlier ones are left, which is when the c-th largest of their
// answers went out, and all of those are in the log. It is exact for such an
// endpoint. Requests are in order of arrival. A request that got no answer
// holds its place until the caller gave up, the latest that the log shows.
func separate(requests []*served, c int) {
	var busy largest
	for _, r := range requests {
		inFlight := 0
		for _, left := range busy {
			if left.After(r.request.Time) {
				inFlight++
			}
		}
		r.free, r.waited = inFlight < c, 0
		if len(busy) == c && busy[0].After(r.request.Time) {
			r.waited = min(busy[0].Sub(r.request.Time), r.request.Latency)
		}
		heap.Push(&busy, r.left())
		if len(busy) > c {
			heap.Pop(&busy)
		}
	}
}

// largest keeps the largest times; the least of them is first.
type largest []time.Time

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i].Before(l[j]) }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(time.Time)) }
func (l *largest) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}

// Rare is how seldom a number of workers may show and still be believed.
const (
	rareShare = 0.001
	rareCount = 5
)

// workers estimates how many requests an endpoint serves at once, from how
// many earlier ones a request can overtake: when one of c workers answers, at
// most c−1 earlier requests are still there, as all of those are being served.
// It is an estimate from below: an endpoint that was never busy shows less.
func workers(requests []*served, slack time.Duration) int {
	var there []*served // earlier ones that are not answered yet
	overtaken := map[int]int{}
	for _, r := range requests {
		if r.request.Failed() { // refused at once, or given up: no sign of being served
			continue
		}
		there = slices.DeleteFunc(there, func(e *served) bool { return !e.left().After(r.request.Time) })
		n := 0
		for _, e := range there {
			if e.left().After(r.left().Add(slack)) {
				n++
			}
		}
		overtaken[n]++
		there = append(there, r)
	}
	most, total := 0, 0
	for n := range overtaken {
		most = max(most, n)
	}
	for n := most; n > 0; n-- {
		total += overtaken[n]
		if total >= max(rareCount, int(rareShare*float64(len(requests)))) {
			return n + 1
		}
	}
	return 1
}
