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
	takes [levels + 32]takes
}

// takes is the latency at one level. Where that is not known it is taken from
// the nearest level that is, times a factor.
type takes struct {
	mean, n float64
	from    int
	factor  float64
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
	x := &f.takes[level(n)]
	x.n++
	x.mean += max(1/x.n, levelStep) * (latency - x.mean)
	if x.n == 1 {
		f.known = true
		for b := range f.takes {
			f.takes[b].from, f.takes[b].factor = f.nearest(b)
		}
	}
}

// nearest is the level next to b that is known: from a lower one the latency
// grows as if all were waiting in a queue.
func (f *fleet) nearest(b int) (from int, factor float64) {
	for away := range f.takes {
		if x := b - away; x >= 0 && f.takes[x].n > 0 {
			return x, float64(b+1) / float64(x+1)
		}
		if x := b + away; x < len(f.takes) && f.takes[x].n > 0 {
			return x, 1
		}
	}
	return b, 1
}

// at is the latency at n in flight, with nothing known in proportion to the
// queue.
func (f *fleet) at(n float64) float64 {
	if !f.known {
		return 1e-3 * (n + 1)
	}
	b := level(n)
	x := f.level(b)
	if b >= levels-1 {
		return x
	}
	return x + (f.level(b+1)-x)*(n-float64(b))
}

func (f *fleet) level(b int) float64 {
	x := &f.takes[b]
	return f.takes[x.from].mean * x.factor
}
