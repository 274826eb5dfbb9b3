package meshconfig

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnified has each diff applied by patch: it makes of the one text the other.
func TestUnified(t *testing.T) {
	patch := tool(t, "patch")
	dice := rand.New(rand.NewPCG(9, 27))
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(string("abcdefgh"[dice.IntN(8)]) + "\n")
		}
		return b.String()
	}
	for range 60 {
		before := text(dice.IntN(40))
		after := text(dice.IntN(40))
		if dice.IntN(2) == 0 { // a few changes of the same text
			after = strings.Replace(strings.Replace(before, "a\n", "x\n", 1+dice.IntN(2)), "b\n", "", 1)
		}
		if before == after {
			continue
		}
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		diff := unified(file, file, before, after)
		run := exec.Command(patch, "--fuzz=0", "--posix", file)
		run.Stdin = strings.NewReader(diff)
		out, err := run.CombinedOutput()
		got, readErr := os.ReadFile(file)
		if os.IsNotExist(readErr) && after == "" {
			continue // patch removes what becomes empty
		}
		if err != nil || string(got) != after {
			t.Fatalf("%v %s\nfrom %q to %q:\n%s", err, out, before, after, diff)
		}
		if strings.Contains(string(out), "offset") {
			t.Errorf("a hunk stands elsewhere than it says: %s\n%s", out, diff)
		}
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
