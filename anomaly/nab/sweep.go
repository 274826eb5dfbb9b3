package nab

import (
	"cmp"
	"math"
	"slices"
)

// seen is a row of some series together with its score.
type seen struct {
	row
	score float64
}

// Sweep finds the threshold, among all scores that were given, with the best
// score of the profile, and says what it comes to. One threshold holds for all
// series. Where none does better than silence, the threshold is +Inf.
func (p Profile) Sweep(corpus []Series, scores [][]float64) Tally {
	var rows []seen
	windows := 0
	for i := range corpus {
		begin := Probation(len(corpus[i].Values))
		for k, r := range worth(&corpus[i]) {
			if r.window >= 0 {
				r.window += windows
			}
			if s := scores[i][begin+k]; !math.IsNaN(s) {
				rows = append(rows, seen{r, s})
			}
		}
		windows += len(corpus[i].Windows)
	}
	slices.SortFunc(rows, func(a, b seen) int { return cmp.Compare(b.score, a.score) })
	now := Tally{Threshold: math.Inf(1), Raw: -p.Missed * float64(windows), Windows: windows}
	best, found := now, make([]float64, windows)
	for i, r := range rows {
		now.detect(p, r.row, found)
		if i+1 == len(rows) || rows[i+1].score < r.score {
			if now.Threshold = r.score; now.Raw > best.Raw {
				best = now
			}
		}
	}
	return best
}

// detect adds a row to the detections; found is the best worth in each window.
func (t *Tally) detect(p Profile, r row, found []float64) {
	switch {
	case r.window < 0:
		t.False++
		t.Raw += p.False * r.worth
	case found[r.window] == 0:
		t.Hit++
		t.Raw += p.Missed + p.Hit*r.worth
		found[r.window] = r.worth
	case r.worth > found[r.window]:
		t.Raw += p.Hit * (r.worth - found[r.window])
		found[r.window] = r.worth
	}
}
