package sim

import "math"

// promSpan is the (start, end] of a range selector, in ms.
type promSpan struct{ start, end int64 }

func (s promSpan) seconds() float64 { return float64(s.end-s.start) / 1000 }

// within appends the scrapes in the span to dst, the oldest first; of those of
// an endpoint that was down, none when up is asked for.
func (r *scrapes) within(dst []*scrape, s promSpan, up bool) []*scrape {
	first := 0 // the newest that is in the span
	for ; first < r.n && r.at(first).t > s.end; first++ {
	}
	last := first
	for ; last < r.n && r.at(last).t > s.start; last++ {
	}
	for i := last - 1; i >= first; i-- {
		if x := r.at(i); x.up || !up {
			dst = append(dst, x)
		}
	}
	return dst
}

// newest returns the newest scrape at or before end that still counts, or nil.
func (r *scrapes) newest(end, lookback int64, up bool) *scrape {
	for i := range r.n {
		s := r.at(i)
		if s.t <= end-lookback {
			return nil
		}
		if s.t <= end && (s.up || !up) {
			return s
		}
	}
	return nil
}

// rate is PromQL's promRate() of a counter: its increase with restarts from 0,
// extrapolated to the whole span where the first and the last scrape are near
// its ends, and not to before the counter was 0 (Prometheus 3, functions.go,
// extrapolatedRate). NaN stands for no result. The steps of the calculation are
// those of Prometheus, so that the last bit is too.
func promRate(of []*scrape, number int, s promSpan) float64 {
	n := len(of)
	if n < 2 {
		return math.NaN()
	}
	increase := of[n-1].v[number] - of[0].v[number]
	for i, x := range of[1:] {
		if x.v[number] < of[i].v[number] {
			increase += of[i].v[number]
		}
	}
	toStart := float64(of[0].t-s.start) / 1000
	toEnd := float64(s.end-of[n-1].t) / 1000
	sampled := float64(of[n-1].t-of[0].t) / 1000
	between := sampled / float64(n-1)
	threshold := between * 1.1
	if toStart >= threshold {
		toStart = between / 2
	}
	if increase > 0 && of[0].v[number] >= 0 {
		toStart = min(toStart, sampled*(of[0].v[number]/increase))
	}
	if toEnd >= threshold {
		toEnd = between / 2
	}
	factor := 1.0
	if sampled != 0 {
		factor = (sampled + toStart + toEnd) / sampled
	}
	factor /= s.seconds()
	return increase * factor
}

// average is PromQL's avg_over_time(). NaN stands for no result.
func promAverage(of []*scrape, number int) float64 {
	sum := 0.0
	for _, x := range of {
		sum += x.v[number]
	}
	return sum / float64(len(of))
}

// smallDelta is the relative difference of neighbouring buckets that
// Prometheus takes for one of rounding.
const smallDelta = 1e-12

// quantile is PromQL's histogram_quantile() over the rates of the buckets, of
// which the last is +Inf: straight lines within a bucket, and the greatest
// bound for what is above it. counts is changed: a bucket that is below the one
// before, which restarts bring about, is lifted to it.
func promQuantile(q float64, counts []float64) float64 {
	before := counts[0]
	for i, x := range counts[1:] {
		if x < before || math.Abs(x-before)/(math.Abs(x)+math.Abs(before)) < smallDelta && before != 0 {
			counts[i+1] = before
			continue
		}
		before = x
	}
	last := len(counts) - 1
	if !(counts[last] > 0) {
		return math.NaN()
	}
	rank := q * counts[last]
	b := 0
	for b < last && counts[b] < rank {
		b++
	}
	switch {
	case b == last:
		return Buckets[last-1]
	case b == 0:
		return Buckets[0] * (rank / counts[0])
	}
	return Buckets[b-1] + (Buckets[b]-Buckets[b-1])*((rank-counts[b-1])/(counts[b]-counts[b-1]))
}
