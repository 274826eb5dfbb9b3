package replay

import "math"

// histogram counts weights in logarithmic cells of latency; nil is empty.
type histogram []float64

// The cells reach from 10 µs to 1000 s and are 2 % wide: an interpolated
// quantile is exact to well below that.
const (
	leastLatency, mostLatency = 1e-5, 1e3
	cellsPerE                 = 50
)

var cells = int(math.Log(mostLatency/leastLatency)*cellsPerE) + 1

func (h *histogram) add(x, weight float64) {
	if weight == 0 {
		return
	}
	if *h == nil {
		*h = make(histogram, cells)
	}
	i := int(math.Log(max(x, leastLatency)/leastLatency) * cellsPerE)
	(*h)[min(i, cells-1)] += weight
}

func (h *histogram) merge(o histogram) {
	if o == nil {
		return
	}
	if *h == nil {
		*h = make(histogram, cells)
	}
	for i, x := range o {
		(*h)[i] += x
	}
}

// tailOf is the latency that a part p of the weight in the drawn blocks lies
// beyond.
func tailOf(blocks []histogram, drawn []int, p float64) float64 {
	var sum histogram
	for _, b := range drawn {
		sum.merge(blocks[b])
	}
	total := 0.0
	for _, x := range sum {
		total += x
	}
	if total == 0 {
		return nan
	}
	beyond := 0.0
	for i := len(sum) - 1; i >= 0; i-- {
		if beyond+sum[i] >= p*total {
			inside := (p*total - beyond) / sum[i] // from the upper edge down
			return leastLatency * math.Exp((float64(i+1)-inside)/cellsPerE)
		}
		beyond += sum[i]
	}
	return leastLatency
}
