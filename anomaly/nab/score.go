package nab

import "math"

// Profile says what detections are worth.
type Profile struct {
	Name   string
	Hit    float64 // of a window found at its first row
	Missed float64 // taken for a window not found
	False  float64 // taken for a row detected far from any window
}

// The benchmark's own profiles.
var (
	Standard = Profile{"standard", 1, 1, 0.11}
	LowFP    = Profile{"reward_low_FP_rate", 1, 1, 0.22}
	LowFN    = Profile{"reward_low_FN_rate", 1, 2, 0.11}
)

const (
	probationShare, probationMost = 0.15, 750
	// forgiving is how many widths after a window a false row has become as
	// bad as any.
	forgiving = 3
)

// Probation is how many rows of a series of n are for the detector to learn
// from: they are not scored.
func Probation(n int) int { return min(int(probationShare*float64(n)), probationMost) }

// sigmoid is 1 far before the end of a window, 0 at the end, −1 far behind it.
func sigmoid(x float64) float64 {
	if x > forgiving {
		return -1
	}
	return 2/(1+math.Exp(5*x)) - 1
}

// row is what one row would be worth if it were detected.
type row struct {
	window int     // index of the window that it lies in, −1 outside
	worth  float64 // unweighted: in (0, 1] inside, in [−1, 0) outside
}

// worth lists the rows of a series from the end of the probation on.
func worth(s *Series) []row {
	begin := Probation(len(s.Values))
	rows := make([]row, 0, len(s.Values)-begin)
	next := 0 // window that ends at or after the row
	for i := begin; i < len(s.Values); i++ {
		for next < len(s.Windows) && s.Windows[next].Last < i {
			next++
		}
		r := row{-1, -1}
		if next < len(s.Windows) && s.Windows[next].First <= i {
			w := s.Windows[next]
			width := float64(w.width())
			r = row{next, sigmoid(-float64(w.Last-i+1)/width) / sigmoid(-1)}
		} else if next > 0 {
			w := s.Windows[next-1]
			r.worth = sigmoid(float64(i-w.Last) / float64(w.width()-1))
		}
		rows = append(rows, r)
	}
	return rows
}

// Tally is what detections with one threshold come to.
type Tally struct {
	Threshold    float64
	Raw          float64 // of the profile, comparable only with Null and Perfect
	Windows, Hit int
	False        int // rows detected outside of all windows
}

// Final is the score from 0, of a detector that finds nothing, to 100, of one
// that finds all windows at once and nothing else. It may be negative.
func (p Profile) Final(t Tally) float64 {
	if t.Windows == 0 {
		return 0
	}
	null, perfect := -p.Missed*float64(t.Windows), p.Hit*float64(t.Windows)
	return 100 * (t.Raw - null) / (perfect - null)
}

// At scores one series at a threshold: a row is detected when its score is at
// least that. Scores must have one entry per row.
func (p Profile) At(s *Series, scores []float64, threshold float64) Tally {
	t := Tally{Threshold: threshold, Windows: len(s.Windows)}
	best := make([]float64, len(s.Windows))
	begin := Probation(len(s.Values))
	for i, r := range worth(s) {
		switch {
		case !(scores[begin+i] >= threshold):
		case r.window < 0:
			t.False++
			t.Raw += p.False * r.worth
		default:
			best[r.window] = max(best[r.window], r.worth)
		}
	}
	for _, b := range best {
		if b > 0 {
			t.Hit++
			t.Raw += p.Hit * b
		} else {
			t.Raw -= p.Missed
		}
	}
	return t
}

// plus joins the tallies of two series at one threshold.
func (t Tally) plus(u Tally) Tally {
	return Tally{u.Threshold, t.Raw + u.Raw, t.Windows + u.Windows, t.Hit + u.Hit, t.False + u.False}
}

// All scores series at one threshold.
func (p Profile) All(corpus []Series, scores [][]float64, threshold float64) Tally {
	sum := Tally{Threshold: threshold}
	for i := range corpus {
		sum = sum.plus(p.At(&corpus[i], scores[i], threshold))
	}
	return sum
}
