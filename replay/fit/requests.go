package fit

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// request is one of the log, of the service that is fitted.
type request struct {
	at       time.Duration // since the start of the history
	latency  float64       // seconds; what failed took as long as it did
	endpoint int32         // -1: one that the metrics do not know
	class    int32
	status   int32
	inFlight int32 // at its endpoint when it came, itself left out
}

// requestLog is the log of the service within the history.
type requestLog struct {
	requests []request
	classes  []string
	deadline time.Duration
}

// readLog reads the requests that lie in the history, in order of their time.
// Without a log it is empty.
func readLog(r *datasets.Recording, h *history) (*requestLog, error) {
	l := &requestLog{}
	if !r.HasRequests() {
		return l, nil
	}
	place := map[string]int32{}
	for i, e := range h.endpoints {
		place[e.Name] = int32(i)
	}
	class := map[string]int32{}
	for q, err := range r.Requests() {
		if err != nil {
			return nil, err
		}
		if q.Service != h.service || h.at(q.Time) < 0 {
			continue
		}
		c, known := class[q.Class]
		if !known {
			c = int32(len(l.classes))
			class[q.Class], l.classes = c, append(l.classes, cmp.Or(q.Class, "all"))
		}
		e, known := place[q.Endpoint]
		if !known {
			e = -1
		}
		l.deadline = max(l.deadline, q.Deadline)
		l.requests = append(l.requests, request{q.Time.Sub(h.start), q.Latency.Seconds(), e, c, int32(q.Status), 0})
	}
	if l.deadline == 0 { // nobody set one: nothing took longer than this
		for i := range l.requests {
			l.deadline = max(l.deadline, time.Duration(l.requests[i].latency*float64(time.Second)))
		}
	}
	slices.SortStableFunc(l.requests, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	l.count(len(h.endpoints))
	return l, nil
}

func (l *requestLog) times() []time.Duration {
	times := make([]time.Duration, len(l.requests))
	for i := range times {
		times[i] = l.requests[i].at
	}
	return times
}

// count finds how many requests each one met at its endpoint. One that the
// proxy gave up may still be there; it counts until twice its deadline.
func (l *requestLog) count(endpoints int) {
	ends := make([][]time.Duration, endpoints) // of those that are there, in order
	for i := range l.requests {
		q := &l.requests[i]
		if q.endpoint < 0 {
			continue
		}
		there := &ends[q.endpoint]
		over, _ := slices.BinarySearch(*there, q.at)
		*there = slices.Delete(*there, 0, over)
		q.inFlight = int32(len(*there))
		end := q.at + time.Duration(q.latency*float64(time.Second))
		if q.status == 0 {
			end = q.at + 2*l.deadline
		}
		at, _ := slices.BinarySearch(*there, end)
		*there = slices.Insert(*there, at, end)
	}
}

// served are the latencies of good answers, by endpoint and class, of requests
// that found a free worker while nothing was wrong with the endpoint: what they
// took is their service and twice the way.
func (l *requestLog) served(h *history, workers []float64, wrong func(e, k int) bool) [][][]float64 {
	out := make([][][]float64, len(h.endpoints))
	for e := range out {
		out[e] = make([][]float64, len(l.classes))
	}
	for i := range l.requests {
		q := &l.requests[i]
		e := int(q.endpoint)
		if e < 0 || q.status == 0 || q.status >= 400 || math.IsNaN(workers[e]) || float64(q.inFlight) > workers[e]-1 {
			continue
		}
		if k := int(q.at / h.window); wrong(e, k) {
			continue
		}
		out[e][q.class] = append(out[e][q.class], q.latency)
	}
	return out
}
