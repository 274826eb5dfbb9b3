package nab

import (
	"math"
	"math/rand/v2"
)

// CrossFit is the mean score of choosing on one half of the series and being
// judged on the other: choices are several detectors' scores of the same series
// (one detector, with other settings, each), of which the best at the threshold
// on the first half is taken. Halves are drawn at random so many times; each
// draw judges both halves. Worst and best are those of one draw.
func (p Profile) CrossFit(corpus []Series, choices [][][]float64, threshold float64, draws int, r *rand.Rand) (mean, worst, best float64) {
	tallies := make([][]Tally, len(choices)) // by choice and series
	for c, scores := range choices {
		for i := range corpus {
			tallies[c] = append(tallies[c], p.At(&corpus[i], scores[i], threshold))
		}
	}
	worst, best = math.Inf(1), math.Inf(-1)
	for range draws {
		order := r.Perm(len(corpus))
		half := len(order) / 2
		sum := transfer(tallies, order[:half], order[half:])
		final := p.Final(sum.plus(transfer(tallies, order[half:], order[:half])))
		mean += final / float64(draws)
		worst, best = min(worst, final), max(best, final)
	}
	return mean, worst, best
}

// transfer chooses on some series and scores the others.
func transfer(tallies [][]Tally, chosen, judged []int) Tally {
	best, choice := math.Inf(-1), 0
	for c := range tallies {
		if t := total(tallies[c], chosen); t.Raw > best {
			best, choice = t.Raw, c
		}
	}
	return total(tallies[choice], judged)
}

func total(tallies []Tally, which []int) (sum Tally) {
	for _, i := range which {
		sum = sum.plus(tallies[i])
	}
	return sum
}
