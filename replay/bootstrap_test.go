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

// series makes blocks from an autocorrelated series of mean 1: the innovation
// is drawn anew with probability 1−keep.
func series(random *rand.Rand, steps, perBlock int, keep float64) ratio {
	r := make(ratio, (steps+perBlock-1)/perBlock)
	x := random.ExpFloat64()
	for i := range steps {
		if random.Float64() >= keep {
			x = random.ExpFloat64()
		}
		r.add(i/perBlock, x, 1)
	}
	return r
}

// coverage is how often the interval holds the true mean.
func coverage(trials, steps, perBlock int, keep float64) float64 {
	hits := 0
	for trial := range trials {
		random := rand.New(rand.NewPCG(uint64(trial), 7))
		r := series(random, steps, perBlock, keep)
		b := newBootstrap(r.filled(), 400, 0.95, uint64(trial))
		if low, high := b.interval(b.sample(r.value)); low <= 1 && 1 <= high {
			hits++
		}
	}
	return float64(hits) / float64(trials)
}

func TestIntervalsCoverWhatTheyPromise(t *testing.T) {
	const trials = 600 // two standard errors of a coverage of 95 %: 1.8 points
	for _, c := range []struct {
		name            string
		steps, perBlock int
		keep            float64
	}{{"independent, 40 blocks", 480, 12, 0}, {"independent, 12 blocks", 144, 12, 0}, {"6 blocks", 72, 12, 0}, {"autocorrelated, blocks long enough", 2400, 60, 0.8}} {
		t.Run(c.name, func(t *testing.T) {
			got := coverage(trials, c.steps, c.perBlock, c.keep)
			t.Logf("coverage %.3f", got)
			near(t, "coverage", got, 0.95, 0.035)
		})
	}
}

func TestShortBlocksAreTooSureOfAutocorrelatedTime(t *testing.T) {
	short, long := coverage(400, 1200, 1, 0.95), coverage(400, 1200, 100, 0.95)
	t.Logf("coverage %.3f with blocks of one step, %.3f with blocks of a hundred", short, long)
	if short > 0.6 || long < 0.85 {
		t.Errorf("coverage %.3f and %.3f; want below 0.6 and above 0.85", short, long)
	}
}

func TestFewBlocksGiveNoInterval(t *testing.T) {
	r := ratio{{1, 1}, {2, 1}}
	b := newBootstrap(r.filled(), 1000, 0.95, 1)
	e := b.estimate(b.sample(r.value))
	if e.Value != 1.5 || !math.IsNaN(float64(e.Low)) || !math.IsNaN(float64(e.High)) {
		t.Errorf("estimate %+v; want 1.5 without an interval", e)
	}
}

func TestTooFewBlocksAreNotConclusive(t *testing.T) {
	for blocks, want := range map[int]bool{3: false, 5: false, 6: true, 200: true} {
		if got := conclusive(blocks, 0.95); got != want {
			t.Errorf("%d blocks conclusive: %v; want %v", blocks, got, want)
		}
	}
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
