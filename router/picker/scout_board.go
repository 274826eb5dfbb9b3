package picker

import "math"

// most is how many times the mean an endpoint is at most taken for.
const most = 8

// Board reads what the slow loop saw and predicts. How fast an endpoint is
// predicted to be, by its capacity or else its service time, counts until there
// are latencies of it, and again as these become old. What is in flight there
// counts until the endpoint answers a probe.
//
// To count requests in flight relative to how many an endpoint can serve at
// once, capacity × service time, was tried and left: the latencies that are
// told have that in them already, and the mean became 4 to 10 % worse.
func (p *scout) Board(b Board) {
	capacity := p.mean(func(i int) float64 { return value(b.Capacity, i) })
	service := p.mean(func(i int) float64 { return value(b.Service, i) })
	for i := range p.known {
		k := &p.known[i]
		switch c, s := value(b.Capacity, i), value(b.Service, i); {
		case c > 0:
			k.prior = bounded(capacity / c)
		case s > 0:
			k.prior = bounded(s / service)
		default:
			k.prior = 1
		}
		if k.latency == 0 {
			k.ratio, k.slow = k.prior, math.Pow(k.prior, p.power)
		}
		if x := value(b.InFlight, i); x >= 0 && !k.heard {
			k.usual.add(max(x-float64(k.own), 0), 1)
		}
	}
	p.thrift(b.Capacity)
}

// thrift takes endpoints for slower that get less than half of the weight that
// would be theirs by capacity, or equally: the slow loop has a reason.
func (p *scout) thrift(capacity []float64) {
	mean := p.mean(func(i int) float64 { return value(capacity, i) })
	weight := p.mean(func(i int) float64 { return p.weight[i] })
	for _, i := range p.list {
		fair := value(capacity, i) / mean
		if !(fair > 0) {
			fair = 1
		}
		p.known[i].spared = max(bounded(fair*weight/p.weight[i]/2), 1)
	}
}

// mean of what is above 0 and finite of the open endpoints; NaN of nothing.
func (p *scout) mean(of func(i int) float64) float64 {
	sum, n := 0.0, 0.0
	for _, i := range p.list {
		if x := of(i); x > 0 && finite(x) {
			sum, n = sum+x, n+1
		}
	}
	return sum / n
}

// value is that of endpoint i, NaN where the list has none.
func value(list []float64, i int) float64 {
	if i < len(list) && finite(list[i]) {
		return list[i]
	}
	return math.NaN()
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// bounded is x within most times of 1 either way; 1 where it is not a number.
func bounded(x float64) float64 {
	if math.IsNaN(x) {
		return 1
	}
	return min(max(x, 1.0/most), most)
}
