package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v; want %v ± %v", what, got, want, tolerance)
	}
}

// series makes blocks from an autocorrelated series of mean 1: the innovation
// is drawn anew with probability 1−keep.
func series(random *rand.Rand, steps, perBlock int, keep float64) Ratio {
	r := make(Ratio, (steps+perBlock-1)/perBlock)
	x := random.ExpFloat64()
	for i := range steps {
		if random.Float64() >= keep {
			x = random.ExpFloat64()
		}
		r.Add(i/perBlock, x, 1)
	}
	return r
}

// coverage is how often the interval holds the true mean.
func coverage(trials, steps, perBlock int, keep float64) float64 {
	hits := 0
	for trial := range trials {
		random := rand.New(rand.NewPCG(uint64(trial), 7))
		r := series(random, steps, perBlock, keep)
		b := NewBootstrap(r.Filled(), 400, 0.95, uint64(trial))
		if low, high := b.Interval(b.Sample(r.Value)); low <= 1 && 1 <= high {
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
	r := Ratio{{1, 1}, {2, 1}}
	b := NewBootstrap(r.Filled(), 1000, 0.95, 1)
	e := b.Estimate(b.Sample(r.Value))
	if e.Value != 1.5 || !math.IsNaN(float64(e.Low)) || !math.IsNaN(float64(e.High)) {
		t.Errorf("estimate %+v; want 1.5 without an interval", e)
	}
}

func TestTooFewBlocksAreNotConclusive(t *testing.T) {
	for blocks, want := range map[int]bool{3: false, 5: false, 6: true, 200: true} {
		if got := Conclusive(blocks, 0.95); got != want {
			t.Errorf("%d blocks conclusive: %v; want %v", blocks, got, want)
		}
	}
}
