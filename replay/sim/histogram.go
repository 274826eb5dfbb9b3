package sim

import "math"

// Histogram counts positive numbers in logarithmic cells of 1 %, from 1e-6 to
// 1e6, and zeros apart. An interpolated quantile is exact to half a percent.
type Histogram struct {
	Zeros int
	Cells []int // nil while nothing was added
	N     int
}

const (
	least    = 1e-6
	perE     = 100 // cells for a factor of e
	cellSize = 1.0 / perE
)

var cells = int(math.Log(1e6/least)*perE) + 1

// Add counts x; what is negative or not a number counts as 0.
func (h *Histogram) Add(x float64) { h.AddN(x, 1) }

// AddN counts x n times.
func (h *Histogram) AddN(x float64, n int) {
	h.N += n
	if !(x >= least) {
		h.Zeros += n
		return
	}
	if h.Cells == nil {
		h.Cells = make([]int, cells)
	}
	h.Cells[min(int(math.Log(x/least)*perE), cells-1)] += n
}

// Merge adds the counts of o.
func (h *Histogram) Merge(o *Histogram) {
	h.N += o.N
	h.Zeros += o.Zeros
	if o.Cells == nil {
		return
	}
	if h.Cells == nil {
		h.Cells = make([]int, cells)
	}
	for i, n := range o.Cells {
		h.Cells[i] += n
	}
}

// Quantile is the number below which a part p of the counts lies; NaN when
// there are none.
func (h *Histogram) Quantile(p float64) float64 {
	if h.N == 0 {
		return math.NaN()
	}
	rank := p * float64(h.N)
	below := float64(h.Zeros)
	if rank < below || h.Cells == nil {
		return 0
	}
	for i, n := range h.Cells {
		if n > 0 && below+float64(n) >= rank {
			inside := (rank - below) / float64(n)
			return least * math.Exp((float64(i)+inside)*cellSize)
		}
		below += float64(n)
	}
	return least * math.Exp(float64(cells)*cellSize)
}
