package train

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/datasets"
)

// TestDrawnDecisionsKnowTheirPast: what persistence and the moving averages
// know of a decision that was drawn is what they know where all are held.
func TestDrawnDecisionsKnowTheirPast(t *testing.T) {
	source := toy(t, time.Second, 30*time.Second)
	cfg := quick()
	recalledAt := func(rows int) map[time.Time][]recalled {
		t.Helper()
		cfg.Rows = rows
		set, err := CollectAll(t.Context(), cfg, source, source, source)
		if err != nil {
			t.Fatal(err)
		}
		if drawn := set.Histories[0].Drawn != nil; drawn != (rows == 1000) {
			t.Fatalf("%d rows: drawn %v", rows, drawn)
		}
		found := map[time.Time][]recalled{}
		set.walk(datasets.Test, func(_ int, m *Moment, pasts []recalled) { found[m.Time] = pasts }) // of three that are the same
		return found
	}
	all, drawn := recalledAt(200_000), recalledAt(1000)
	if len(drawn) < 20 || len(drawn) >= len(all) {
		t.Fatalf("%d decisions of %d were drawn; want a part", len(drawn), len(all))
	}
	for at, got := range drawn {
		if diff := cmp.Diff(all[at], got, cmp.AllowUnexported(recalled{}), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("at %v (-all +drawn):\n%s", at, diff)
		}
	}
}
