package picker

import "math"

// most is how many times the mean an endpoint is at most taken for.
const most = 8

// Board reads what the slow loop saw and predicts. Where it knows how fast an
// endpoint is, that counts until the endpoint tells latencies itself; where it
// knows how many requests an endpoint can serve at once (its capacity times the
// time of one), requests in flight count relative to that.
func (p *scout) Board(b Board) {
	width := func(i int) float64 { return value(b.Capacity, i) * value(b.Service, i) }
	capacity := p.mean(func(i int) float64 { return value(b.Capacity, i) })
	wide := p.mean(width)
	for i := range p.known {
		k := &p.known[i]
		k.scale = bounded(wide / width(i))
		if x := value(b.Capacity, i); k.latency == 0 && x > 0 {
			k.ratio = bounded(capacity / x)
			k.slow = math.Pow(k.ratio, p.power)
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
