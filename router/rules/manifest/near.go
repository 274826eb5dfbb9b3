package manifest

import "strings"

// Nearest is the name that was probably meant, or "": the same but for case and
// underscores, or at most two letters away and no more than a third of it.
func Nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if strings.EqualFold(strings.ReplaceAll(name, "_", ""), n) {
			return n
		}
		if d := distance(name, n); d < least && 3*d <= len(n) {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to add, drop or change between a and b
// (Levenshtein). Names too different in length are far.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return len(a) + len(b)
	}
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
