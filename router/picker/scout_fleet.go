package picker

import "math"

// fleet is what a proxy knows of all endpoints together.
type fleet struct {
	latency average // of its requests, seconds
	others  average // requests in flight at an endpoint that are not of this proxy
	failing average // share of its requests

	// What requests take at so many in flight, as endpoints tell it, made
	// comparable by their ratios: exactly so many below levels, within a
	// twelfth above.
	known bool
	takes [levels + 32]struct{ mean, n float64 }
}

const (
	levels    = 32
	fleetStep = 0.02
	levelStep = 0.005
)

func level(n float64) int {
	if n < levels {
		return int(n)
	}
	return min(levels+int(8*math.Log2(n/levels)), levels+31)
}

func (f *fleet) learn(n, latency float64) {
	f.known = true
	x := &f.takes[level(n)]
	x.n++
	x.mean += max(1/x.n, levelStep) * (latency - x.mean)
}

// at is the latency at n in flight.
func (f *fleet) at(n float64) float64 {
	b := level(n)
	x := f.nearest(b)
	if b >= levels-1 {
		return x
	}
	return x + (f.nearest(b+1)-x)*(n-float64(b))
}

// nearest is the latency of a level, from the nearest that is known: from a lower
// one as if all were waiting in a queue. With nothing known it is in proportion to
// the queue.
func (f *fleet) nearest(b int) float64 {
	if f.known {
		for away := range f.takes {
			if x := b - away; x >= 0 && f.takes[x].n > 0 {
				return f.takes[x].mean * float64(b+1) / float64(x+1)
			}
			if x := b + away; x < len(f.takes) && f.takes[x].n > 0 {
				return f.takes[x].mean
			}
		}
	}
	return 1e-3 * float64(b+1)
}
