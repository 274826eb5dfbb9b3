package replay

import "math"

// tailProbability is what lies beyond the p99.
const tailProbability = 0.01

// tail is the latency distribution of one endpoint, known at three quantiles
// (seconds). Between them, and beyond the last, the logarithm of the
// probability to be slower is linear in the logarithm of the latency.
type tail struct{ p50, p90, p99 float64 }

// newTail fills in a missing p50 or p90. It reports false when too little is
// known: without a p99 there is no tail to speak of.
func newTail(p50, p90, p99 float64) (tail, bool) {
	known := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	if !known(p99) || !known(p50) && !known(p90) {
		return tail{}, false
	}
	if !known(p50) { // the slope between p90 and p99, continued to one half
		p50 = p90 * math.Pow(p90/p99, math.Log10(5))
	}
	if !known(p90) { // the same slope on both sides, in the same coordinates
		p90 = p50 * math.Pow(p99/p50, math.Log(5)/math.Log(50))
	}
	p90 = max(p50, p90)
	return tail{p50, p90, max(p90, p99)}, true
}

// beyond is the probability of a latency above x.
func (t tail) beyond(x float64) float64 {
	switch {
	case x >= t.p90:
		return between(x, t.p90, 0.1, t.p99, 0.01)
	case x >= t.p50:
		return between(x, t.p50, 0.5, t.p90, 0.1)
	}
	// Below the median the half is spread as far down as p90 is up.
	return min(1, between(x, t.p50*t.p50/t.p90, 1, t.p50, 0.5))
}

// between runs a line in logarithmic coordinates through (a, pa) and (b, pb);
// where both lie together it is a step.
func between(x, a, pa, b, pb float64) float64 {
	if !(b > a) {
		if x < b {
			return pa
		}
		if x > b {
			return 0
		}
		return pb
	}
	return pa * math.Pow(pb/pa, math.Log(x/a)/math.Log(b/a))
}

// part is one endpoint's part of a mixture.
type part struct {
	weight, errors float64
	tail           tail
}

// mixtureTail is the p99 of requests spread over several endpoints, where a
// failed request takes the deadline (seconds). The weights need not sum to 1;
// without any the answer is NaN.
func mixtureTail(parts []part, deadline float64) float64 {
	total, low, high := 0.0, math.Inf(1), 0.0
	for _, p := range parts {
		total += p.weight
		low = min(low, p.tail.p50*p.tail.p50/p.tail.p90)
		high = max(high, p.tail.p99)
		if p.errors > 0 {
			low, high = min(low, deadline), max(high, deadline)
		}
	}
	if total <= 0 {
		return math.NaN()
	}
	// Bisection keeps: above a too much is beyond, at b not.
	a, b := math.Log(low), math.Log(high)
	for range 60 {
		middle := (a + b) / 2
		if mixtureBeyond(parts, deadline, math.Exp(middle)) > tailProbability*total {
			a = middle
		} else {
			b = middle
		}
	}
	return math.Exp(b)
}

func mixtureBeyond(parts []part, deadline, x float64) float64 {
	sum := 0.0
	for _, p := range parts {
		sum += p.weight * (1 - p.errors) * p.tail.beyond(x)
		if x < deadline {
			sum += p.weight * p.errors
		}
	}
	return sum
}
