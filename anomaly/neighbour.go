package anomaly

import "math"

// neighbours is the recent past of a golden metric: its newest stretch is
// compared with all stretches before it. Nothing is learned, and what never
// happened before is far from everything: shapes, not levels.
type neighbours struct {
	length, history int
	values          []float64 // the newest last; moved to the front when full
}

func newNeighbours(length, history int) neighbours {
	return neighbours{length, history, make([]float64, 0, 2*(length+history))}
}

// push returns the distance of the newest stretch from its nearest neighbour on
// the left, as a root mean square; false while there is too little to compare
// with.
func (n *neighbours) push(v float64) (float64, bool) {
	if len(n.values) == cap(n.values) {
		n.values = n.values[:copy(n.values, n.recent())]
	}
	n.values = append(n.values, v)
	past := n.recent()
	if len(past) < 3*n.length+settle {
		return 0, false
	}
	end := len(past) - n.length
	newest, nearest := past[end:], math.Inf(1)
	for begin := 0; begin+n.length <= end; begin++ {
		nearest = min(nearest, apart(past[begin:begin+n.length], newest, nearest))
	}
	return math.Sqrt(nearest / float64(n.length)), true
}

// recent is as much as is compared.
func (n *neighbours) recent() []float64 {
	return n.values[max(0, len(n.values)-n.length-n.history):]
}

// apart is the squared distance of two stretches of one length, from their
// ends, no farther than up to enough.
func apart(a, b []float64, enough float64) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i := len(a) - 1; i >= 0; i-- {
		d := a[i] - b[i]
		if sum += d * d; sum >= enough {
			break
		}
	}
	return sum
}
