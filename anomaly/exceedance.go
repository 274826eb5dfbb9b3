package anomaly

import (
	"fmt"
	"math"
)

const (
	stepsPerOctave = 4
	steps          = 64 // the last begins at 2^9.5

	// mostRemembered bounds the memory: at so many values all counts are halved.
	// The tail is never forgotten fast.
	mostRemembered = 1 << 20
)

// exceedance says how often the past went so far. It counts, for each step on
// the logarithmic axis of distances, how many values were there or farther;
// that makes remembering a short loop and asking, but for the tail, one look.
// Its fields are exported to encoding/binary only.
type exceedance struct {
	Beyond [steps]uint32 // never rising; Beyond[0] is how many values there are
	Begin  uint32        // the step where the tail begins
}

// axis is where distance d ≥ 0 lies on the axis of steps.
func axis(d float64) float64 { return onAxis(d, stepsPerOctave, steps, steps-1e-9) }

// add remembers a distance, by its place on the axis.
func (e *exceedance) add(x float64) {
	if e.Beyond[0] >= mostRemembered {
		for b := range e.Beyond {
			e.Beyond[b] /= 2
		}
	}
	for b := int(x); b >= 0; b-- {
		e.Beyond[b]++
	}
	want := max(tailLeast, uint32(tailMass*float64(e.Beyond[0])))
	for e.Begin > 0 && e.Beyond[e.Begin] < want {
		e.Begin--
	}
	for e.Begin+1 < steps && e.Beyond[e.Begin+1] >= want {
		e.Begin++
	}
}

// surprise is −log10 of the probability that the past gave to a distance of at
// least that at x on the axis: the largest of three estimates, so that what has
// few distinct values is not strange for one of them again, or nearly.
//
//   - the share of the past in its step or farther;
//   - a tenth of the share from half an octave nearer on;
//   - beyond the begin of the tail, a Pareto law fitted to the tail as Hill does
//     (Annals of Statistics 3, 1975): conservative for light tails, right for
//     heavy ones.
//
// The result is at most twice what the number of values alone could show.
func (e *exceedance) surprise(x float64) float64 {
	n := float64(e.Beyond[0]) + 1
	if n == 1 {
		return 0
	}
	at, begin := int(x), int(e.Begin)
	p := max(float64(e.Beyond[at]), 0.1*float64(e.Beyond[max(at-stepsPerOctave/2, 0)]))
	if at >= begin && begin > 0 {
		mass := float64(e.Beyond[begin])
		inSteps := 0.5 * mass
		for b := begin + 1; b < steps && e.Beyond[b] > 0; b++ {
			inSteps += float64(e.Beyond[b])
		}
		// One pseudo-value two steps out steadies a short tail; a mean excess
		// under half a step is below what the axis can resolve.
		mean := max((inSteps+2)/(mass+1), 0.5)
		p = max(p, mass*math.Exp(-(x-float64(begin))/mean))
	}
	return min(max(-math.Log10((p+leastCount)/n), 0), supported*math.Log10(n))
}

// check reports counts that no sequence of distances leaves behind.
func (e *exceedance) check() error {
	for b := 1; b < steps; b++ {
		if e.Beyond[b] > e.Beyond[b-1] {
			return fmt.Errorf("%d values beyond step %d, %d beyond the one before", e.Beyond[b], b, e.Beyond[b-1])
		}
	}
	if e.Beyond[0] > mostRemembered || e.Begin >= steps {
		return fmt.Errorf("%d values, at most %d; tail begins at step %d of %d", e.Beyond[0], mostRemembered, e.Begin, steps)
	}
	return nil
}
