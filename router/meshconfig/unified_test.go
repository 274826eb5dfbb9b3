package meshconfig

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// patched applies a unified diff strictly: each hunk where it says that it stands, in
// both texts.
func patched(before, diff string) (string, error) {
	old, lines := split(before), split(diff)
	var out []string
	at := 0 // in old
	for i := 2; i < len(lines); {
		var oldFirst, oldCount, newFirst, newCount int
		if _, err := fmt.Sscanf(lines[i], "@@ -%d,%d +%d,%d @@", &oldFirst, &oldCount, &newFirst, &newCount); err != nil {
			return "", fmt.Errorf("%q: %w", lines[i], err)
		}
		if oldCount > 0 {
			oldFirst--
		}
		if newCount > 0 {
			newFirst--
		}
		if oldFirst < at {
			return "", fmt.Errorf("%q begins before the end of the hunk before", lines[i])
		}
		out = append(out, old[at:oldFirst]...)
		at = oldFirst
		if len(out) != newFirst {
			return "", fmt.Errorf("%q: %d lines before", lines[i], len(out))
		}
		for i++; i < len(lines) && !strings.HasPrefix(lines[i], "@@"); i++ {
			sign, text := lines[i][0], lines[i][1:]
			if sign != '+' {
				if old[at] != text {
					return "", fmt.Errorf("line %d is %q, not %q", at+1, old[at], text)
				}
				at++
			}
			if sign != '-' {
				out = append(out, text)
			}
		}
		if at-oldFirst != oldCount || len(out)-newFirst != newCount {
			return "", fmt.Errorf("%d and %d lines of %d and %d", at-oldFirst, len(out)-newFirst, oldCount, newCount)
		}
	}
	text := strings.Join(append(out, old[at:]...), "\n")
	if text != "" {
		text += "\n"
	}
	return text, nil
}

// TestUnified applies diffs of random texts: each makes of the one the other.
func TestUnified(t *testing.T) {
	dice := rand.New(rand.NewPCG(9, 27))
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(string("abcdefgh"[dice.IntN(8)]) + "\n")
		}
		return b.String()
	}
	hunks := 0
	for range 500 {
		before, after := text(dice.IntN(60)), text(dice.IntN(60))
		if dice.IntN(2) == 0 { // a few changes of the same text
			after = strings.Replace(strings.Replace(before, "a\n", "x\n", 1+dice.IntN(2)), "b\n", "", 1)
		}
		if before == after {
			continue
		}
		diff := unified("f", "f", before, after)
		if got, err := patched(before, diff); err != nil || got != after {
			t.Fatalf("from %q to %q, not %q: %v\n%s", before, got, after, err, diff)
		}
		hunks = max(hunks, strings.Count(diff, "@@ -"))
	}
	if hunks < 2 {
		t.Error("no diff of several hunks was tried")
	}
}

// TestUnifiedLarge tells texts that are too large for a table one after the other.
func TestUnifiedLarge(t *testing.T) {
	before := strings.Repeat("a\n", 3000)
	diff := unified("f", "g", before, before+"b\n")
	if got := strings.Count(diff, "\n"); got != 3+3000+3001 {
		t.Errorf("%d lines", got)
	}
}
