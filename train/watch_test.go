package train

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// storyTiming has a cool-down of two steps, and a horizon of two.
var storyTiming = mesh.Timing{Step: 5 * time.Minute, Horizon: 10 * time.Minute}

// stories are the windows of some endpoints, a line each, with a letter for each
// window: . works, E has errors, L a slow tail, D is down, q too few requests to
// tell (though all fail), i none at all, ? nothing known, and a blank is no row.
func stories(step time.Duration, lines ...string) *History {
	nan := math.NaN()
	h := &History{}
	for k := range lines[0] {
		m := Moment{Service: "s", Time: epoch.Add(time.Duration(k) * step)}
		for e, line := range lines {
			s := Seen{Requests: 100, P99: 0.1, P90: nan, Mean: nan, ErrorRatio: 0.01, Up: 1}
			switch line[k] {
			case 'E':
				s.ErrorRatio = 0.3
			case 'L':
				s.P99 = 2
			case 'D':
				s = Seen{Requests: nan, P99: nan, P90: nan, Mean: nan, ErrorRatio: nan, Up: 0}
			case 'q':
				s.Requests, s.ErrorRatio = 3, 1
			case 'i':
				s.Requests, s.P99, s.ErrorRatio = 0, nan, nan
			case '?':
				s = Seen{Requests: nan, P99: nan, P90: nan, Mean: nan, ErrorRatio: nan, Up: nan}
			case ' ':
				continue
			}
			m.Endpoints, m.Now = append(m.Endpoints, string(rune('a'+e))), append(m.Now, s)
		}
		h.Moments = append(h.Moments, m)
	}
	h.Split = datasets.Split{Start: epoch, TrainEnd: epoch.Add(time.Hour * 1e4), End: epoch.Add(time.Hour * 1e3)}
	h.Split.ValidationStart, h.Split.ValidationEnd, h.Split.TestStart = h.Split.TrainEnd, h.Split.TrainEnd, h.Split.TrainEnd
	return h
}

var storyLimits = map[string]Limits{"s": {Latency: 1, Errors: 0.05}}

// fates writes what a watch tells, for each window of each endpoint: '-' left
// out, '.' watched for the whole horizon without a failure, a digit: fails in so
// many steps, '~' censored, ' ' no row.
func fates(t *testing.T, h *History, timing mesh.Timing) ([]string, []Incident) {
	t.Helper()
	w := NewWatch(timing, h.Split, storyLimits, 10)
	text := map[string][]byte{}
	told := 0
	tell := func(held heldWindow, one Told) {
		if held.moment != &h.Moments[told] || !one.Time.Equal(held.at) {
			t.Fatalf("window %d is told out of turn", told)
		}
		told++
		for k, name := range one.Endpoints {
			for len(text[name]) < told-1 {
				text[name] = append(text[name], ' ')
			}
			letter := byte('-')
			switch f := one.Fates[k]; {
			case f.Failed:
				letter = '0' + byte(f.After/timing.Step)
			case f.Watched && f.After < timing.Horizon:
				letter = '~'
			case f.Watched:
				letter = '.'
			}
			text[name] = append(text[name], letter)
		}
	}
	for i := range h.Moments {
		m := &h.Moments[i]
		w.push(heldWindow{m.Service, m.Time, m.Endpoints, m}, func(k int) Seen { return m.Now[k] }, tell)
	}
	w.finish(tell)
	if told != len(h.Moments) {
		t.Fatalf("%d windows of %d were told of", told, len(h.Moments))
	}
	var names []string
	for name := range text {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines []string
	for _, name := range names {
		lines = append(lines, string(text[name]))
	}
	return lines, w.Incidents()
}

func TestFates(t *testing.T) {
	for _, c := range []struct{ name, windows, want string }{
		{"quiet", "......", "....~~"},
		{"errors", "....EE......", "..21----..~~"},
		{"one bad window is none", "....E.......", "..........~~"},
		{"down is one at once", "....D.......", "..21---...~~"},
		{"a slow tail", "....LLL.....", "..21-----.~~"},
		{"errors, then slow", "....EL......", "..21----..~~"},
		{"too few requests", "....qq......", "..........~~"},
		{"unknown is not failing", "....??......", "..........~~"},
		{"unknown for long was not watched", "....????....", "..~~~~~~..~~"},
		{"unknown for long, then down", "...????D....", ".~~~~~~---~~"},
		{"within the cool-down", "..DD..DD....", "21--------~~"},
		{"after the cool-down", "..D....D....", "21---21---~~"},
		{"at the end", "......EE", "....21--"},
		{"not proven at the end", ".......E", ".....~~~"},
		{"no row for a while", "....    ....", "..~~    ..~~"},
		{"comes late", "    ....", "    ..~~"},
		{"drained, then taken away", "..iiDD  ", "..~~~~"},
		{"idle, then broken", "..ii.DD.....", "...21----.~~"},
		{"drained and back", "..iiDD......", "..~~~~....~~"},
	} {
		got, _ := fates(t, stories(storyTiming.Step, c.windows), storyTiming)
		if diff := cmp.Diff([]string{c.want}, got); diff != "" {
			t.Errorf("%s: %s\n%s", c.name, c.windows, diff)
		}
	}
}

// TestOverlappingWindowsAreNoProof: a window of two steps shares samples with
// the next one, not with the one after that.
func TestOverlappingWindowsAreNoProof(t *testing.T) {
	timing := storyTiming
	timing.Range = 2 * timing.Step
	for windows, want := range map[string]int{"..E..": 0, "..EE..": 0, "..LEL..": 1, "..D..": 1, "..EDE..": 1, "..EE.EE..": 0} {
		if _, got := fates(t, stories(timing.Step, windows), timing); len(got) != want {
			t.Errorf("%s: %d incidents, want %d", windows, len(got), want)
		}
	}
}

// TestHorizons: labels reach as far as the horizon says, be it seconds or an
// hour, and no farther.
func TestHorizons(t *testing.T) {
	for _, c := range []struct{ step, horizon time.Duration }{
		{time.Second, 15 * time.Second}, {5 * time.Second, 15 * time.Second}, {15 * time.Second, 15 * time.Second},
		{5 * time.Second, 5 * time.Minute}, {15 * time.Second, 5 * time.Minute}, {15 * time.Second, time.Hour}, {time.Minute, time.Hour},
	} {
		timing := mesh.Timing{Step: c.step, Range: 2 * c.step, Delay: c.step, Horizon: c.horizon}
		before, after := int(c.horizon/c.step)+10, int((gap(timing)+c.horizon)/c.step)+20
		h := stories(c.step, strings.Repeat(".", before)+"EEEE"+strings.Repeat(".", after))
		w := NewWatch(timing, h.Split, storyLimits, 10)
		told, most := 0, 0
		tell := func(held heldWindow, one Told) {
			f, want := one.Fates[0], Fate{Watched: true, After: c.horizon}
			switch left := time.Duration(before-told) * c.step; {
			case left > 0 && left <= c.horizon:
				want = Fate{Watched: true, Failed: true, After: left}
			case left <= 0 && time.Duration(told-before-3)*c.step <= gap(timing):
				want = Fate{}
			case told > len(h.Moments)-1-int(c.horizon/c.step):
				want.After = time.Duration(len(h.Moments)-1-told) * c.step
			}
			if f != want {
				t.Fatalf("step %v, horizon %v, window %d of %d (fails at %d): %+v; want %+v", c.step, c.horizon, told, len(h.Moments), before, f, want)
			}
			told++
		}
		for i := range h.Moments {
			m := &h.Moments[i]
			w.push(heldWindow{m.Service, m.Time, m.Endpoints, m}, func(k int) Seen { return m.Now[k] }, tell)
			most = max(most, len(w.held))
		}
		w.finish(tell)
		if bound := int((c.horizon+w.lasting)/c.step) + 2; told != len(h.Moments) || most > bound {
			t.Errorf("step %v, horizon %v: told of %d windows of %d, held %d; want at most %d", c.step, c.horizon, told, len(h.Moments), most, bound)
		}
	}
}

// TestWatchAgainstHindsight: what is told while windows stream by is what
// whoever has all of them finds by the definition.
func TestWatchAgainstHindsight(t *testing.T) {
	random := seeded(3)
	for n := range 300 {
		windows := 60
		if n%50 == 0 {
			windows = 2500 // what no window asks for is forgotten meanwhile
		}
		lines := make([]string, 1+random.IntN(3))
		for e := range lines {
			text := make([]byte, windows)
			for k := range text {
				text[k] = ".......EELDq"[random.IntN(12)]
				if k > 0 && random.IntN(3) > 0 {
					text[k] = text[k-1]
				}
			}
			lines[e] = string(text)
		}
		timing := storyTiming
		timing.Range = time.Duration(random.IntN(3)) * timing.Step
		timing.Horizon = time.Duration(1+random.IntN(6)) * timing.Step
		got, _ := fates(t, stories(timing.Step, lines...), timing)
		for e, line := range lines {
			if want := inHindsight(line, timing); got[e] != want {
				t.Fatalf("range %v, horizon %v:\n%s windows\n%s told\n%s want", timing.Range, timing.Horizon, line, got[e], want)
			}
		}
	}
}

// inHindsight is the definition: runs of breaches that last, or in which the
// endpoint is down, are failures; nothing is told in them and in the cool-down.
func inHindsight(line string, timing mesh.Timing) string {
	steps := func(d time.Duration) int { return int(d / timing.Step) }
	failing := make([]bool, len(line))
	for k := 0; k < len(line); k++ {
		end := k
		for end < len(line) && strings.IndexByte("ELD", line[end]) >= 0 {
			end++
		}
		lasting := end-k >= consecutive && end-1-k >= steps(timing.Range)
		for i := k; i < end; i++ {
			failing[i] = lasting || strings.Contains(line[k:end], "D")
		}
		k = max(k, end)
	}
	known := len(line)
	for known > 0 && strings.IndexByte("EL", line[known-1]) >= 0 && !failing[known-1] {
		known--
	}
	out := make([]byte, len(line))
	for k := range out {
		switch next := slices.Index(failing[k:], true); {
		case slices.Contains(failing[max(0, k-steps(gap(timing))):k+1], true):
			out[k] = '-'
		case next >= 0 && next <= steps(timing.Horizon):
			out[k] = '0' + byte(next)
		case k+steps(timing.Horizon) >= known:
			out[k] = '~'
		default:
			out[k] = '.'
		}
	}
	return string(out)
}

// TestGap: ten minutes at 15 s.
func TestGap(t *testing.T) {
	for step, want := range map[time.Duration]time.Duration{time.Second: 40 * time.Second, 5 * time.Second: 200 * time.Second, 15 * time.Second: 10 * time.Minute, time.Minute: 10 * time.Minute, 5 * time.Minute: 15 * time.Minute} {
		if got := gap(mesh.Timing{Step: step, Range: 2 * step, Delay: step}); got != want {
			t.Errorf("step %v: %v; want %v", step, got, want)
		}
	}
}
