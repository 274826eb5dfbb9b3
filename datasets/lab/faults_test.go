package lab

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
)

func TestSchedule(t *testing.T) {
	for _, duration := range []time.Duration{
		10 * time.Second, time.Minute, 4 * time.Minute, 10 * time.Minute, 30 * time.Minute, 52 * time.Minute, 2 * time.Hour,
	} {
		for seed := range uint64(60) {
			c := DefaultConfig()
			c.Duration, c.Seed = duration, seed
			faults, err := c.Schedule()
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if len(faults) == 0 {
				t.Fatalf("%v, seed %d: no faults", duration, seed)
			}
			checkSchedule(t, c, faults)
			if again, err := c.Schedule(); err != nil || !slices.Equal(again, faults) {
				t.Fatalf("%v, seed %d: another schedule the second time (%v)", duration, seed, err)
			}
		}
	}
}

// checkSchedule holds a schedule to what Schedule and the kinds promise.
func checkSchedule(t *testing.T, c Config, faults []Fault) {
	t.Helper()
	scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) * c.scale()) }
	quiet := map[string]time.Duration{} // until when each service is to be left alone
	for i, f := range faults {
		s := c.Services[slices.IndexFunc(c.Services, func(s Service) bool { return s.Name == f.Service })]
		switch {
		case !slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return e.Name == f.Endpoint }):
			t.Fatalf("%+v is not of its service", f)
		case i > 0 && f.Start < faults[i-1].Start:
			t.Fatalf("%+v comes after %+v", f, faults[i-1])
		case f.Start < max(scaled(quietStart), quiet[f.Service]) || f.End() > c.Duration-scaled(quietEnd):
			t.Fatalf("%+v is not within [%v, %v]", f, max(scaled(quietStart), quiet[f.Service]), c.Duration-scaled(quietEnd))
		case f.Length <= 0 || f.Ramp < 0 || f.Ramp > f.Length:
			t.Fatalf("%+v: want 0 ≤ ramp ≤ length", f)
		}
		bounds, known := map[string][2]float64{
			Slowdown: {4, 6}, Leak: {3, 4.5}, ErrorBurst: {0.2, 0.6}, FastFail: {0.7, 1}, Crash: {1, 1}, Noisy: {0.5, 0.8}, Decoy: {1.5, 2.1}, LeakDecoy: {1.4, 2.3},
		}[f.Kind]
		if !known || f.Severity < bounds[0] || f.Severity > bounds[1] {
			t.Fatalf("%+v: want a known kind of a severity within %v", f, bounds)
		}
		quiet[f.Service] = f.End() + scaled(quietGap)
	}
}

// TestScheduleIsStratified looks at recordings of the length that is shipped:
// every part of the split has something to learn from or be judged by.
func TestScheduleIsStratified(t *testing.T) {
	for seed := range uint64(100) {
		c := DefaultConfig()
		c.Duration, c.Seed = 52*time.Minute, seed
		faults, err := c.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		trained := map[string]bool{}
		validated, tested := 0, 0
		for _, f := range faults {
			switch at := f.Start.Seconds() / c.Duration.Seconds(); {
			case f.End() <= c.Duration*60/100:
				trained[f.Kind] = true
			case at >= 0.6 && f.End() <= c.Duration*80/100:
				validated++
			case at >= 0.8:
				tested++
			}
		}
		if len(trained) != len(kinds) || validated < 4 || tested < 5 {
			t.Errorf("seed %d: %d kinds to learn from, %d faults to validate with, %d to test with", seed, len(trained), validated, tested)
		}
	}
}

func TestScheduleCount(t *testing.T) {
	c := DefaultConfig()
	for _, test := range []struct {
		duration    time.Duration
		asked, want int
	}{
		{50 * time.Minute, -1, 40}, {10 * time.Minute, -1, 8}, {20 * time.Second, -1, 8},
		{50 * time.Minute, 3, 3}, {50 * time.Minute, 0, 0},
	} {
		c.Duration, c.Faults = test.duration, test.asked
		faults, err := c.Schedule()
		if err != nil || len(faults) != test.want {
			t.Errorf("%v with %d faults asked for: %d (%v); want %d", test.duration, test.asked, len(faults), err, test.want)
		}
	}
}

// TestSchedulesOfParts looks at recordings that are one part: half an hour has
// every kind three times, so half of what ramps up is a decoy, and a part of
// its own need not be stratified.
func TestSchedulesOfParts(t *testing.T) {
	for seed := range uint64(20) {
		c := DefaultConfig()
		c.Duration, c.Seed, c.Part = 30*time.Minute, seed, datasets.Test
		faults, err := c.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		checkSchedule(t, c, faults)
		counts := map[string]int{}
		for _, f := range faults {
			counts[f.Kind]++
		}
		for _, kind := range kinds {
			if counts[kind] != 3 {
				t.Errorf("seed %d: %d of kind %s; want 3", seed, counts[kind], kind)
			}
		}
	}
}

func TestKnobs(t *testing.T) {
	const s = time.Second
	for name, test := range map[string]struct {
		fault Fault
		at    []time.Duration
		want  []Knobs
	}{
		"a slowdown ramps up, stays, and recovers in its last five seconds": {
			Fault{Kind: Slowdown, Length: 60 * s, Ramp: 20 * s, Severity: 5},
			[]time.Duration{0, 10 * s, 20 * s, 55 * s, 57500 * time.Millisecond, 60 * s},
			[]Knobs{{Slowdown: 1}, {Slowdown: 3}, {Slowdown: 5}, {Slowdown: 5}, {Slowdown: 3}, {}},
		},
		"a decoy turns around where a slowdown would stay": {
			Fault{Kind: Decoy, Length: 60 * s, Ramp: 20 * s, Severity: 2},
			[]time.Duration{0, 10 * s, 20 * s, 40 * s, 60 * s},
			[]Knobs{{Slowdown: 1}, {Slowdown: 1.5}, {Slowdown: 2}, {Slowdown: 1.5}, {}},
		},
		"a leak decoy begins as a leak and gives back what it took": {
			Fault{Kind: LeakDecoy, Length: 120 * s, Ramp: 100 * s, Severity: 2},
			[]time.Duration{0, 25 * s, 100 * s, 110 * s, 120 * s},
			[]Knobs{{Slowdown: 1}, {Slowdown: 1.125, HeldWorkers: 0.035, LeakedMB: 5}, {Slowdown: 2, HeldWorkers: 0.28, LeakedMB: 20}, {Slowdown: 1.5, HeldWorkers: 0.14, LeakedMB: 10}, {}},
		},
		"a leak creeps": {
			Fault{Kind: Leak, Length: 200 * s, Ramp: 200 * s, Severity: 5},
			[]time.Duration{0, 50 * s, 200*s - 1, 200 * s},
			[]Knobs{{Slowdown: 1}, {Slowdown: 1.5, HeldWorkers: 0.125, LeakedMB: 12}, {Slowdown: 5, HeldWorkers: 1, LeakedMB: 47}, {}},
		},
		"an error burst may ramp up": {
			Fault{Kind: ErrorBurst, Length: 60 * s, Ramp: 15 * s, Severity: 0.4},
			[]time.Duration{0, 7500 * time.Millisecond, 15 * s, 60*s - 1, 60 * s},
			[]Knobs{{}, {ErrorRatio: 0.2}, {ErrorRatio: 0.4}, {ErrorRatio: 0.4}, {}},
		},
		"or not": {
			Fault{Kind: ErrorBurst, Length: 60 * s, Severity: 0.4},
			[]time.Duration{0, 60 * s},
			[]Knobs{{ErrorRatio: 0.4}, {}},
		},
		"a fast failure is there at once": {
			Fault{Kind: FastFail, Length: 60 * s, Severity: 0.9},
			[]time.Duration{0, 60*s - 1, 60 * s},
			[]Knobs{{FastFailure: 0.9}, {FastFailure: 0.9}, {}},
		},
		"so is a noisy neighbour": {
			Fault{Kind: Noisy, Length: 60 * s, Severity: 0.75},
			[]time.Duration{0, 60*s - 1, 60 * s},
			[]Knobs{{LostWorkers: 0.75}, {LostWorkers: 0.75}, {}},
		},
		"a crash has none": {
			Fault{Kind: Crash, Length: 60 * s, Severity: 1},
			[]time.Duration{0, 30 * s},
			[]Knobs{{}, {}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for i, at := range test.at {
				if diff := cmp.Diff(test.want[i], test.fault.knobs(at), cmp.Comparer(almost)); diff != "" {
					t.Errorf("after %v (-want +got):\n%s", at, diff)
				}
			}
		})
	}
}

func almost(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
