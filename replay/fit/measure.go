package fit

import (
	"math"
	"slices"
)

// Measured is what a mesh did to the requests of an endpoint, or of all.
type Measured struct {
	Requests                   float64
	Mean, P50, P90, P99        float64 // seconds, of answers that were no errors; one that never came counts the deadline
	ErrorRatio                 float64 // answers that never came included
	Utilization                float64
	busy, workers, failed, sum float64
	latencies                  []float64
}

// measure measures all endpoints together, first, and each. It takes the latencies from the log; without one from the metrics, where
// quantiles are the means of those of the windows.
func measure(h *history, l *requestLog) []Measured {
	measured := make([]Measured, 1+len(h.endpoints))
	all, each := &measured[0], measured[1:]
	for e := range each {
		each[e].load(h, e)
		if len(l.requests) == 0 {
			each[e].windows(h, e)
			all.join(&each[e])
		}
	}
	for i := range l.requests {
		q := &l.requests[i]
		if q.endpoint < 0 {
			continue
		}
		m := &each[q.endpoint]
		m.Requests++
		switch {
		case q.status == 0:
			m.failed++
			m.latencies = append(m.latencies, l.deadline.Seconds())
		case q.status >= 500:
			m.failed++
		default:
			m.latencies = append(m.latencies, q.latency)
		}
	}
	for e := range each {
		m := &each[e]
		all.busy, all.workers = all.busy+m.busy, all.workers+m.workers
		m.Utilization = m.busy / m.workers
		if len(l.requests) > 0 {
			all.Requests, all.failed = all.Requests+m.Requests, all.failed+m.failed
			all.latencies = append(all.latencies, m.latencies...)
			m.sort()
		}
	}
	all.Utilization = all.busy / all.workers
	if len(l.requests) > 0 {
		all.sort()
	}
	return measured
}

// load sums up how busy an endpoint was.
func (m *Measured) load(h *history, e int) {
	for _, s := range h.seen[e] {
		if !math.IsNaN(s.busy) && !math.IsNaN(s.workers) {
			m.busy, m.workers = m.busy+s.busy, m.workers+s.workers
		}
	}
}

// sort makes the figures of the latencies, and lets go of them.
func (m *Measured) sort() {
	slices.Sort(m.latencies)
	m.Mean, m.ErrorRatio = meanOf(m.latencies).Value, m.failed/m.Requests
	m.P50, m.P90, m.P99 = quantileOf(m.latencies, 0.5), quantileOf(m.latencies, 0.9), quantileOf(m.latencies, 0.99)
	m.latencies = nil
}

// windows weighs the figures of the windows by their requests.
func (m *Measured) windows(h *history, e int) {
	for _, s := range h.seen[e] {
		if n := s.requests * h.window.Seconds(); n > 0 {
			m.Requests += n
			m.failed += s.errors * n
			if !math.IsNaN(s.mean) {
				m.sum += n
				m.Mean, m.P50, m.P90, m.P99 = m.Mean+n*s.mean, m.P50+n*s.p50, m.P90+n*s.p90, m.P99+n*s.p99
			}
		}
	}
	m.Mean, m.P50, m.P90, m.P99, m.ErrorRatio = m.Mean/m.sum, m.P50/m.sum, m.P90/m.sum, m.P99/m.sum, m.failed/m.Requests
}

// join adds the figures of an endpoint, weighed by its requests.
func (m *Measured) join(o *Measured) {
	if o.sum == 0 {
		return
	}
	n, w := m.sum+o.sum, o.sum/(m.sum+o.sum)
	m.Mean, m.P50, m.P90, m.P99 = m.Mean+w*(o.Mean-m.Mean), m.P50+w*(o.P50-m.P50), m.P90+w*(o.P90-m.P90), m.P99+w*(o.P99-m.P99)
	m.sum, m.Requests, m.failed = n, m.Requests+o.Requests, m.failed+o.failed
	m.ErrorRatio = m.failed / m.Requests
}

// spread is the mean of some runs, and their standard deviation.
func spread(runs []*Measured) (mean, deviation Measured) {
	n := float64(len(runs))
	to, dev := mean.figures(), deviation.figures()
	for k := range to {
		for _, r := range runs {
			*to[k] += *r.figures()[k] / n
		}
		for _, r := range runs {
			d := *r.figures()[k] - *to[k]
			*dev[k] += d * d
		}
		*dev[k] = math.Sqrt(*dev[k] / max(n-1, 1))
	}
	return mean, deviation
}

func (m *Measured) figures() []*float64 {
	return []*float64{&m.Requests, &m.Mean, &m.P50, &m.P90, &m.P99, &m.ErrorRatio, &m.Utilization}
}
