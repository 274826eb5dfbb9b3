package prom

import (
	"cmp"
	"slices"
	"strings"
)

const (
	fewSuggestions = 3
	likeEnough     = 0.5 // of a likeness between 0 and 1
)

// similar returns the few names that are most like the wanted one.
func similar(wanted string, names []string) []string {
	type candidate struct {
		name     string
		likeness float64
	}
	var all []candidate
	for _, name := range names {
		if l := likeness(wanted, name); l >= likeEnough {
			all = append(all, candidate{name, l})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.likeness, a.likeness) })
	var best []string
	for _, c := range all[:min(len(all), fewSuggestions)] {
		best = append(best, c.name)
	}
	return best
}

// likeness is the share of words in common, or of letters that need not be
// edited, whichever is more: the one finds other names for one thing, the
// other typing errors.
func likeness(a, b string) float64 {
	edits := 1 - float64(distance(a, b))/float64(max(len(a), len(b), 1))
	return max(words(a, b), edits)
}

func words(a, b string) float64 {
	of := strings.Split(a, "_")
	in := strings.Split(b, "_")
	common := 0
	for _, w := range of {
		if slices.Contains(in, w) {
			common++
		}
	}
	return float64(2*common) / float64(len(of)+len(in))
}

// distance is the number of single-byte edits from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
