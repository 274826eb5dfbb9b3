package anomaly

import "math"

const (
	binsPerOctave = 8
	firstOctave   = -4 // what is below 2^-4 scales is not told apart
	bins          = 96 // the last begins at 2^7.75, some 215 scales

	// tailMass and tailLeast choose where the tail begins: the highest part
	// of the past, at least that share and that many values.
	tailMass, tailLeast = 0.05, 5

	// forgetAt bounds the memory: at so many values all counts are halved.
	// Forgetting faster costs detections (it is the tail that is forgotten).
	forgetAt = 1 << 15
)

// tail is the distribution of one measure's past, as a histogram over the
// logarithm of its distance. Its fields are exported to encoding/binary only.
type tail struct {
	N      uint32
	Counts [bins]uint32
}

// position is where distance d ≥ 0 lies on the axis of bins; the whole part is
// the bin.
func position(d float64) float64 {
	x := binsPerOctave*(math.Log2(d)-firstOctave) + 1
	switch {
	case !(x >= 1): // also zero, whose logarithm is −∞
		return 0
	case x >= bins:
		return math.Nextafter(bins, 0)
	}
	return x
}

// surprise is −log10 of the probability that the past gave to a distance of at
// least d: the largest of three estimates, so that a metric of few distinct
// values is not strange for hitting one of them again, or nearly.
//
//   - the share of the past in the bin of d or farther;
//   - a tenth of the share from half an octave nearer on;
//   - beyond the begin of the tail, a Pareto law fitted to the tail as Hill does
//     (Annals of Statistics 3, 1975): conservative for light tails, right for
//     heavy ones.
//
// The result is at most twice what the number of values alone could support.
func (t *tail) surprise(d float64) float64 {
	if t.N == 0 {
		return 0
	}
	x := position(d)
	bin, begin := int(x), t.begin()
	var there, near, mass, inBins uint32 // values at d or farther, nearly there, in the tail; bins of those beyond its begin
	for b := bins - 1; b >= max(0, min(bin-nearly, begin)); b-- {
		c := t.Counts[b]
		if b >= bin {
			there += c
		}
		if b >= bin-nearly {
			near += c
		}
		if b >= begin {
			mass += c
			inBins += c * uint32(b-begin)
		}
	}
	p := max(float64(there), 0.1*float64(near))
	if bin >= begin {
		// One pseudo-value four bins out steadies a short tail; a mean excess
		// under one bin is below what the histogram can resolve.
		mean := max((float64(inBins)+0.5*float64(mass)+4)/(float64(mass)+1), 1)
		p = max(p, float64(mass)*math.Exp(-(x-float64(begin))/mean))
	}
	n := float64(t.N) + 1
	return min(max(-math.Log10((p+tailFloor)/n), 0), 2*math.Log10(n))
}

const (
	nearly    = binsPerOctave / 2
	tailFloor = 1e-30 // keeps the logarithm finite; the bound of surprise is far above it
)

// begin returns the bin in which the tail begins. The values that cannot be
// told from zero are left out of it where enough are told.
func (t *tail) begin() int {
	want := max(tailLeast, uint32(tailMass*float64(t.N)))
	mass, lowest := uint32(0), 0
	for b := bins - 1; b >= 1; b-- {
		if t.Counts[b] == 0 {
			continue
		}
		mass += t.Counts[b]
		lowest = b
		if mass >= want {
			return b
		}
	}
	if mass >= tailLeast {
		return lowest
	}
	return 0
}

// add remembers a distance.
func (t *tail) add(d float64) {
	if t.N >= forgetAt {
		t.N = 0
		for b := range t.Counts {
			t.Counts[b] /= 2
			t.N += t.Counts[b]
		}
	}
	t.Counts[int(position(d))]++
	t.N++
}
