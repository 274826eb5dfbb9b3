package picker

import (
	"math"
	"slices"
)

// Draw picks positions at random in proportion to weights: their running sums.
// An alias table was tried in mind and left: below some hundred endpoints a
// binary search in one cache line or two is as fast and exact.
type Draw []float64

// NewDraw reuses the memory of d, which may be nil. Weights that sum to 0 draw nothing.
func NewDraw(d Draw, w []float64) Draw {
	d = slices.Grow(d[:0], len(w))[:len(w)]
	sum, last := 0.0, -1
	for i, x := range w {
		sum += max(x, 0)
		d[i] = sum
		if x > 0 {
			last = i
		}
	}
	if last < 0 {
		return d[:0]
	}
	for i := range d {
		d[i] /= sum
		if i >= last {
			d[i] = 1 // whatever the rounding, one is always found
		}
	}
	return d
}

// Pick uses the upper 53 of 64 random bits; −1 when there is nothing to draw.
func (d Draw) Pick(u uint64) int {
	if len(d) == 0 {
		return -1
	}
	return d.at(unit(u))
}

// PickOther is Pick among all but i, which Pick returned; i itself when there
// is no other.
func (d Draw) PickOther(u uint64, i int) int {
	start := 0.0
	if i > 0 {
		start = d[i-1]
	}
	width := d[i] - start
	if width >= 1 {
		return i
	}
	x := unit(u) * (1 - width)
	if x < start || d[i] >= 1 { // below i, whatever the rounding
		return d.at(min(x, math.Nextafter(start, 0)))
	}
	return d.at(min(max(x+width, d[i]), math.Nextafter(1, 0)))
}

// at is the position of the first running sum above x.
func (d Draw) at(x float64) int {
	low, high := 0, len(d)-1
	for low < high {
		if middle := (low + high) / 2; d[middle] > x {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// unit turns random bits into a number in [0, 1).
func unit(u uint64) float64 { return float64(u>>11) / (1 << 53) }
