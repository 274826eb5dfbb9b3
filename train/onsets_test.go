package train

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

// story is one endpoint's windows, one letter each: . works, E has errors, L a
// slow tail, D is down, q too few requests to tell (though all fail), ? nothing
// known.
func story(letters string) []place {
	nan := math.NaN()
	var places []place
	for k, letter := range letters {
		s := Seen{Requests: 100, P99: 0.1, P90: nan, Mean: nan, ErrorRatio: 0.01, Up: 1}
		switch letter {
		case 'E':
			s.ErrorRatio = 0.3
		case 'L':
			s.P99 = 2
		case 'D':
			s = Seen{Requests: nan, P99: nan, P90: nan, Mean: nan, ErrorRatio: nan, Up: 0}
		case 'q':
			s.Requests, s.ErrorRatio = 3, 1
		case '?':
			s = Seen{Requests: nan, P99: nan, P90: nan, Mean: nan, ErrorRatio: nan, Up: nan}
		}
		places = append(places, place{&Moment{Service: "s", Endpoints: []string{"a"}, Time: epoch.Add(time.Duration(k) * 10 * time.Second), Now: []Seen{s}}, 0})
	}
	return places
}

// The purge time, which is also the cool-down, is two steps.
var storyTiming = mesh.Timing{Step: 10 * time.Second, Range: 0, Delay: 0, Horizon: 20 * time.Second}

// TestWatched writes, for each window: '-' left out, '.' watched for the whole
// horizon without a failure, a digit: fails in so many steps, '~' censored.
func TestWatched(t *testing.T) {
	l := limits{latency: 1, errors: 0.05}
	for _, c := range []struct{ name, windows, want string }{
		{"quiet", "......", "....~~"},
		{"errors", "....EE......", "..21----..~~"},
		{"one bad window is none", "....E.......", "..........~~"},
		{"down is one at once", "....D.......", "..21---...~~"},
		{"a slow tail", "....LLL.....", "..21-----.~~"},
		{"errors, then slow", "....EL......", "..21----..~~"},
		{"too few requests", "....qq......", "..........~~"},
		{"unknown is not failing", "....??......", "..........~~"},
		{"within the cool-down", "..DD..DD....", "21--------~~"},
		{"after the cool-down", "..D....D....", "21---21---~~"},
		{"at the end", "......EE", "....21--"},
	} {
		places := story(c.windows)
		list := failuresOf(places, l, storyTiming, 10)
		got := make([]byte, len(c.windows))
		for i := range got {
			got[i] = '-'
		}
		for _, e := range watched(places, list, storyTiming, 0) {
			k := int(e.moment.Time.Sub(epoch) / storyTiming.Step)
			switch {
			case e.failed:
				got[k] = '0' + byte(e.after/storyTiming.Step)
			case e.after < storyTiming.Horizon:
				got[k] = '~'
			default:
				got[k] = '.'
			}
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s: %s\n%s", c.name, c.windows, diff)
		}
	}
}

// TestOverlappingWindowsAreNoProof: a window of 20 s shares samples with the
// next one 10 s later, not with the one after that.
func TestOverlappingWindowsAreNoProof(t *testing.T) {
	timing := storyTiming
	timing.Range = 20 * time.Second
	for windows, want := range map[string]int{"..E..": 0, "..EE..": 0, "..LEL..": 1, "..D..": 1, "..EDE..": 1, "..EE.EE..": 0} {
		if got := failuresOf(story(windows), limits{latency: 1, errors: 0.05}, timing, 10); len(got) != want {
			t.Errorf("%s: %d failures, want %d", windows, len(got), want)
		}
	}
}

func TestBins(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		step, horizon time.Duration
		want          []time.Duration
	}{
		{5 * s, 30 * s, []time.Duration{5 * s, 10 * s, 15 * s, 20 * s, 30 * s}},
		{15 * s, 60 * s, []time.Duration{15 * s, 30 * s, 45 * s, 60 * s}},
		{15 * s, 1800 * s, []time.Duration{15 * s, 45 * s, 105 * s, 270 * s, 690 * s, 1800 * s}},
		{60 * s, 60 * s, []time.Duration{60 * s}},
		{60 * s, 30 * s, []time.Duration{30 * s}},
	} {
		got := binsOf(mesh.Timing{Step: c.step, Horizon: c.horizon})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("step %v, horizon %v: %s", c.step, c.horizon, diff)
		}
	}
	bins := []time.Duration{5 * s, 10 * s, 20 * s}
	for _, c := range []struct {
		e    example
		want [3]float32
	}{
		{example{failed: true, after: 5 * s}, [3]float32{1, 1, 2}},
		{example{failed: true, after: 6 * s}, [3]float32{2, 1, 2}},
		{example{failed: true, after: 20 * s}, [3]float32{3, 1, 2}},
		{example{after: 20 * s}, [3]float32{3, 0, 2}},
		{example{after: 12 * s}, [3]float32{2, 0, 2}},
		{example{after: 0}, [3]float32{0, 0, 2}},
	} {
		if diff := cmp.Diff(c.want, c.e.binned(bins, 2)); diff != "" {
			t.Errorf("failed %v after %v: %s", c.e.failed, c.e.after, diff)
		}
	}
}
