package features

import "math"

// Queue is how the mean latency of an endpoint grows with its load, for one
// that has so many requests waiting and a decision that is in force for so
// long:
//
//	mean = m/c + H/4 · (z + √(z² + 8k·xᵖ/(c·H))),  x = load/c,  z = x − 1 + 2q/(c·H)
//
// c is the capacity, m how many requests are served at once, so m/c is the time
// that a request takes without waiting, q what waits now and H the horizon. It
// is the coordinate transformation of traffic engineering (Kimber and Hollis,
// TRRL LR 909, 1979; Akçelik, ITE Journal 1991) around M/M/m with p = √(2(m+1))
// − 1 (Sakasegawa 1977): the longer the horizon the more it is the stationary
// queue, k·xᵖ/(c·(1−x)); the shorter the more the fluid one, q/c + (x−1)·H/2,
// on which equal marginal costs even out the queues at the horizon's end: load
// interpretation (Dahlin, TPDS 2000). It never decreases in the load, and is
// finite at any.
type Queue struct {
	Capacity    float64 // c, requests/s
	Concurrency float64 // m, ≥ 1
	Waiting     float64 // q, requests
	Horizon     float64 // H, seconds
	Stretch     float64 // k: of waiting; 1 for exponential service and Poisson arrivals
}

// Mean returns the mean latency in seconds at load requests/s.
func (q *Queue) Mean(load float64) float64 {
	mean, _ := q.parts(load)
	return mean
}

// parts returns the mean, and its pieces in services at the full capacity.
func (q *Queue) parts(load float64) (mean float64, p pieces) {
	p.x = max(load/q.Capacity, 0)
	p.power = math.Sqrt(2*(q.Concurrency+1)) - 1
	p.rise = p.x
	if p.x < 1 {
		p.rise = math.Pow(p.x, p.power)
	} else {
		p.power = 1
	}
	p.length = q.Capacity * q.Horizon
	p.z = p.x - 1 + 2*q.Waiting/p.length
	p.bend = 8 * q.Stretch * p.rise / p.length
	p.root = math.Sqrt(p.z*p.z + p.bend)
	p.all = q.Concurrency + p.length/4*(p.z+p.root)
	return p.all / q.Capacity, p
}

type pieces struct{ x, power, rise, length, z, bend, root, all float64 }

// Slopes returns the logarithm of the mean at a load and its derivatives by the
// logarithms of Capacity (with Concurrency as it is), Stretch and Waiting.
func (q *Queue) Slopes(load float64) (log, capacity, stretch, waiting float64) {
	mean, p := q.parts(load)
	root := max(p.root, 1e-12)
	queued := 2 * q.Waiting / p.length
	byCapacity := p.length / 4 * (p.z + p.root)
	dz := -p.x - queued
	byCapacity += p.length / 4 * (dz + (2*p.z*dz-(p.power+1)*p.bend)/(2*root))
	byStretch := p.length / 4 * p.bend / (2 * root)
	byWaiting := p.length / 4 * queued * (1 + p.z/root)
	return math.Log(mean), byCapacity/p.all - 1, byStretch / p.all, byWaiting / p.all
}
