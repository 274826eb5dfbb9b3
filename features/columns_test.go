package features_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
)

// TestColumnsTable keeps the table that the documentation shows. On a
// mismatch it writes the new one beside the old.
func TestColumnsTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| column | unit | what it is | routing | outcome | failure |\n|---|---|---|---|---|---|\n")
	mark := func(names []string, name string) string {
		if slices.Contains(names, name) {
			return "×"
		}
		return ""
	}
	for _, c := range features.Columns() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", c.Name, c.Unit, c.Help,
			mark(features.Routing(), c.Name), mark(features.Outcome(), c.Name), mark(features.Failure(), c.Name))
	}
	const golden = "testdata/columns.md"
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), b.String()); err != nil || diff != "" {
		if err := os.WriteFile(golden+".new", []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
		t.Errorf("%v: the table differs (-want +got), see %s.new:\n%s", err, golden, diff)
	}
}

func TestColumnLists(t *testing.T) {
	var all []string
	for _, c := range features.Columns() {
		if c.Name == "" || c.Unit == "" || c.Help == "" {
			t.Errorf("%+v is not documented", c)
		}
		all = append(all, c.Name)
	}
	if routing := features.Routing(); len(routing) != 20 || !slices.Equal(routing, all[:20]) {
		t.Errorf("routing inputs are %v, want the first 20 columns", routing)
	}
	for name, list := range map[string][]string{"columns": all, "outcome": features.Outcome(), "failure": features.Failure()} {
		sorted := slices.Clone(list)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) != len(list) {
			t.Errorf("%s holds a name twice", name)
		}
		for _, c := range list {
			if !slices.Contains(all, c) {
				t.Errorf("%s holds %q, which is no column", name, c)
			}
		}
	}
	if n := len(features.Outcome()); n > 30 {
		t.Errorf("%d outcome inputs, want at most 30", n)
	}
	if n := len(features.Failure()); n > 82 {
		t.Errorf("%d failure inputs, want at most 82", n)
	}
	if slices.Contains(features.Outcome(), "candidate_load") {
		t.Error("the outcome network must not see the load that it is asked about")
	}
}
