package meshconfig

import (
	"fmt"
	"strings"
)

// around is how many lines that are the same stand around those that are not.
const around = 3

// line is one of a diff: ' ' is in both texts, '-' in the first, '+' in the second.
type line struct {
	sign byte
	text string
}

// unified is the unified diff of two texts that end with a newline, or are empty.
func unified(from, to, before, after string) string {
	all := lines(split(before), split(after))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	was, is := 1, 1 // the numbers of the next lines
	for start := 0; start < len(all); {
		first := start
		for first < len(all) && all[first].sign == ' ' {
			first++
		}
		if first == len(all) {
			break
		}
		begin := max(start, first-around)
		was, is = was+begin-start, is+begin-start
		end := hunkEnd(all, first)
		removed, added := counts(all[begin:end])
		fmt.Fprintf(&out, "@@ -%s +%s @@\n", span(was, removed), span(is, added))
		for _, l := range all[begin:end] {
			out.WriteByte(l.sign)
			out.WriteString(l.text + "\n")
		}
		was, is, start = was+removed, is+added, end
	}
	return out.String()
}

// hunkEnd is where the hunk ends that has its first change at first: what is the same
// for long divides hunks.
func hunkEnd(all []line, first int) int {
	last := first
	for i := first; i < len(all) && i-last <= 2*around; i++ {
		if all[i].sign != ' ' {
			last = i
		}
	}
	return min(len(all), last+1+around)
}

// counts are how many lines of the first and of the second text there are.
func counts(part []line) (before, after int) {
	for _, l := range part {
		if l.sign != '+' {
			before++
		}
		if l.sign != '-' {
			after++
		}
	}
	return before, after
}

// span is the place of a hunk in one of the texts, as diff -u has it: an empty one is
// after the line before.
func span(first, count int) string {
	if count == 0 {
		first--
	}
	return fmt.Sprintf("%d,%d", first, count)
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// lines are both texts in one, with as many lines shared as can be (the longest common
// subsequence, by its table: objects have some hundred lines). Where one of the two is
// far larger, they are told one after the other.
func lines(a, b []string) (all []line) {
	const most = 1 << 22 // cells
	if len(a)*len(b) > most {
		for _, text := range a {
			all = append(all, line{'-', text})
		}
		for _, text := range b {
			all = append(all, line{'+', text})
		}
		return all
	}
	longest := make([][]int, len(a)+1)
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, line{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || longest[i+1][j] >= longest[i][j+1]):
			all = append(all, line{'-', a[i]})
			i++
		default:
			all = append(all, line{'+', b[j]})
			j++
		}
	}
	return all
}
