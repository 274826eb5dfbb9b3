package benchmark

import (
	"cmp"
	"slices"
)

// AveragePrecision is the area under the steps of precision over recall (AUC-PR)
// when the highest scores are taken first; equal scores are taken together. It
// is 0 when nothing is positive. Chance is the share of positives.
func AveragePrecision(scores []float64, positive []bool) float64 {
	area, taken, hits, total := 0.0, 0, 0, count(positive)
	for scored, right := range byScore(scores, positive) {
		taken += scored
		hits += right
		if right > 0 {
			area += float64(right) / float64(total) * float64(hits) / float64(taken)
		}
	}
	return area
}

// AUROC is the probability that a positive scores above a negative; a tie
// counts half. It is 0.5 when there are no such pairs.
func AUROC(scores []float64, positive []bool) float64 {
	pairs, hits, total := 0.0, 0, count(positive)
	for scored, right := range byScore(scores, positive) {
		wrong := float64(scored - right)
		pairs += wrong * (float64(hits) + float64(right)/2)
		hits += right
	}
	all := float64(total) * float64(len(positive)-total)
	if all == 0 {
		return 0.5
	}
	return pairs / all
}

// byScore yields, from the highest score down, how many have it and how many of
// those are positive.
func byScore(scores []float64, positive []bool) func(yield func(scored, right int) bool) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return func(yield func(int, int) bool) {
		for first := 0; first < len(order); {
			end, right := first, 0
			for ; end < len(order) && scores[order[end]] == scores[order[first]]; end++ {
				if positive[order[end]] {
					right++
				}
			}
			if !yield(end-first, right) {
				return
			}
			first = end
		}
	}
}

func count(positive []bool) (n int) {
	for _, p := range positive {
		if p {
			n++
		}
	}
	return n
}
