package anomaly

import "math"

const (
	binsPerOctave = 8
	bins          = 114 // the last begins at farthest

	// forgetAt bounds the memory: at so many values all counts are halved.
	// Forgetting faster costs detections (it is the tail that is forgotten).
	forgetAt = 1 << 15
)

// tail is the distribution of one measure's past, as a histogram over the
// logarithm of its distance. exceedance is the coarser and faster memory of
// the same kind, of Condition and Peers. Its fields are exported to
// encoding/binary only.
type tail struct {
	N      uint32
	Counts [bins]uint32
}

// position is where distance d ≥ 0, in scales, lies on the axis of bins.
func position(d float64) float64 { return onAxis(d, binsPerOctave, bins, lastPosition) }

var lastPosition = math.Nextafter(bins, 0)

// middles and edges are the distances in the middle and at the lower end of
// each bin; the first bin is nothing.
var middles, edges = func() (m, e [bins]float64) {
	for b := 1; b < bins; b++ {
		m[b] = math.Exp2((float64(b)-0.5)/binsPerOctave + firstOctave)
		e[b] = math.Exp2((float64(b)-1)/binsPerOctave + firstOctave)
	}
	return m, e
}()

// surprise is −log10 of the probability that the past gave to a distance of at
// least d: the share of the past that was as far, within a bin by its position;
// where nothing was, what an exponential law says that was fitted to the tail
// (Ahmad et al. take a normal one, whose tail real metrics do not keep to).
func (t *tail) surprise(d float64) float64 {
	if t.N == 0 {
		return 0
	}
	x := position(d)
	bin := int(x)
	nearer := uint32(0) // counted from below: most distances are small
	for _, c := range t.Counts[:bin] {
		nearer += c
	}
	p := float64(t.N - nearer)
	if bin > 0 { // of the values that cannot be told from zero, all are as far
		p -= (x - float64(bin)) * float64(t.Counts[bin])
	}
	if p < 1 {
		p = max(p, min(t.extrapolated(d), 1), leastCount)
	}
	n := float64(t.N) + 1
	return min(max(-math.Log10(p/n), 0), supported*math.Log10(n))
}

// extrapolated is how many values the tail leads to expect at d or farther.
func (t *tail) extrapolated(d float64) float64 {
	want := max(tailLeast, tailMass*float64(t.N))
	mass, sum, begin := 0.0, 0.0, 0
	for b := bins - 1; b >= 1 && mass < want; b-- {
		if c := float64(t.Counts[b]); c > 0 {
			mass, sum, begin = mass+c, sum+c*middles[b], b
		}
	}
	if mass < tailLeast || d <= edges[begin] {
		return 0
	}
	return mass * math.Exp(-(d-edges[begin])/(sum/mass-edges[begin]))
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

// past is a tail whose samples are independent: strange values in a row count
// as one, else a fault would look normal after a few windows. Extreme-value
// statistics declusters its samples for the same reason.
type past struct {
	tail
	Held uint32  // strange values in a row, not yet in the tail
	Far  float64 // the largest distance among them
}

const (
	// strange is the surprise from which values are held back, and spell how
	// many of them in a row count as one in the past.
	strange, spell = 2, 64
)

// push returns how surprising a distance is, 0 while fewer than least are
// known, and remembers it.
func (p *past) push(d float64, least int) float64 {
	surprise := 0.0
	if p.N >= uint32(least) {
		surprise = p.surprise(d)
	}
	if surprise >= strange {
		p.Held++
		p.Far = max(p.Far, d)
		if p.Held >= spell {
			p.release()
		}
		return surprise
	}
	p.release()
	p.add(d)
	return surprise
}

// release ends a spell.
func (p *past) release() {
	if p.Held > 0 {
		p.add(p.Far)
		p.Held, p.Far = 0, 0
	}
}
