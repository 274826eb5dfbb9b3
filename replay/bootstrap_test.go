package replay

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

func TestTooFewBlocksMakeNoDifferenceSignificant(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 12*4, 1), fixed{name: "equal"}, fixed{"good", mesh.Weights{1, 0, 0}})
	table := trace.Table()
	if c := table.Sections[0].Rows[1].Cost.Change; c.Significant || !(c.High < 0) {
		t.Errorf("change %+v over 4 blocks; want an interval below zero that is not called significant", *c)
	}
	if text := strings.Join(table.Warnings, "\n"); !strings.Contains(text, "4 blocks of 1m0s: intervals are rough, and too few to call any difference significant") {
		t.Errorf("no warning of 4 blocks in:\n%s", text)
	}
}

func TestThePolicyThatIsTheReferenceDoesNotDiffer(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 400, 1), fixed{name: "one"}, fixed{name: "two"}, fixed{"good", mesh.Weights{1, 0, 0}})
	rows := trace.Table().Sections[0].Rows
	for _, e := range []Estimate{rows[1].Cost, rows[1].P99, rows[1].Errors, rows[1].Agreement} {
		if e.Change.Significant || e.Change.Value != 0 {
			t.Errorf("change %+v of a policy from itself; want none", *e.Change)
		}
	}
	if c := rows[2].Cost; !c.Change.Significant || c.Change.Value >= 0 || !(c.Low <= c.Value && c.Value <= c.High) {
		t.Errorf("cost %+v, change %+v; want it lower, in its interval", c, *c.Change)
	}
	if best := rows[len(rows)-1]; best.Cost.Value > rows[2].Cost.Value || best.Agreement.Value != 1 {
		t.Errorf("hindsight best costs %v, agrees %v; want the least, and 1", best.Cost.Value, best.Agreement.Value)
	}
}

// TestPairingIsTighterThanTwoIntervals: the noise of a window moves all rows
// alike, so the difference is known better than either.
func TestPairingIsTighterThanTwoIntervals(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var pairs []datasets.Pair
	for i := range 600 {
		level := 0.02 * math.Exp(0.8*math.Sin(float64(i)/70)+0.1*random.NormFloat64())
		pairs = append(pairs, pair("shop", i, seen{100, level, 0, 1}, seen{100, level * 1.05, 0, 1}))
	}
	rows := run(t, testConfig(), pairs, fixed{"second", mesh.Weights{0, 1}}, fixed{"first", mesh.Weights{1, 0}}).Table().Sections[0].Rows
	c := rows[1].Cost
	if !c.Change.Significant || rows[0].Cost.Low > c.High {
		t.Errorf("costs %+v and %+v, change %+v; want overlapping intervals and a significant change", rows[0].Cost, c, *c.Change)
	}
}

func TestBlocksAreLongEnough(t *testing.T) {
	cfg := testConfig()
	if got := cfg.block(10 * time.Minute); got != time.Minute {
		t.Errorf("block %v; want 1m", got)
	}
	cfg.Timing.Horizon = time.Minute
	if got := cfg.block(10 * time.Minute); got != 2*time.Minute {
		t.Errorf("block %v with a horizon of 1m; want 2m", got)
	}
	if got := cfg.block(7 * 24 * time.Hour); 7*24*time.Hour/got > maxBlocks {
		t.Errorf("block %v over a week; want at most %d blocks", got, maxBlocks)
	}
}
