package anomaly

import "math"

// What tail and exceedance, the two memories of how far a past went, share.
const (
	// firstOctave is the exponent of the distance, 2^-6, below which distances
	// are not told apart.
	firstOctave = -6
	// tailMass and tailLeast choose where the tail begins: the farthest part of
	// the past, at least that share and that many values.
	tailMass, tailLeast = 0.05, 5
	// supported bounds a surprise: at most so many times what the number of
	// values alone could show.
	supported = 2
	// leastCount keeps the logarithm of a count finite; the bound of a surprise
	// is far above it.
	leastCount = 1e-30
)

// onAxis is where distance d ≥ 0 lies on a logarithmic axis of so many cells to
// the octave, of which the first is nothing; the whole part is the cell. What is
// beyond the last of all cells is at end.
func onAxis(d, perOctave, cells, end float64) float64 {
	x := perOctave*(math.Log2(d)-firstOctave) + 1
	switch {
	case !(x >= 1): // also zero, whose logarithm is −∞
		return 0
	case x >= cells:
		return end
	}
	return x
}
