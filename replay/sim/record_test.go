package sim

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// troubled is a mesh in which something of every kind goes wrong.
const troubled = `
name: troubled
duration: 5m
deadline: 500ms
network: 500us
proxies: {count: 2}
arrivals: {load: 0.6}
work: {distribution: exponential, mean: 40ms}
classes:
  - {name: light, share: 3, work: {mean: 20ms}}
  - {name: heavy, share: 1, work: {mean: 100ms}}
metrics: {scrape: 2s, delay: 2s, step: 5s, range: 10s}
endpoints:
  - {count: 3, workers: 2, zone: z1, subset: v1}
  - {count: 3, workers: 4, speed: 0.5, zone: z2, subset: v2}
events:
  - {kind: crash, at: 40s, for: 21s, select: {index: [0]}}
  - {kind: restart, at: 60s, down: 3s, warm: 30s, factor: 3, select: {index: [1, 2]}, every: 20s}
  - {kind: errors, at: 100s, for: 40s, ratio: 0.4, select: {index: [3]}}
  - {kind: sink_hole, at: 120s, for: 30s, select: {index: [4]}}
  - {kind: stall, at: 150s, for: 20s, select: {index: [5]}}
  - {kind: leak, at: 160s, lead: 60s, for: 15s, select: {index: [1]}}
  - {kind: slow, at: 200s, for: 50s, factor: 4, select: {zone: z2}}
  - {kind: lost, at: 250s, for: 12s, select: {all: true}}
`

func scenarioOf(t testing.TB, text string) *Scenario {
	t.Helper()
	all, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// watched keeps the windows that a policy is shown.
type watched struct {
	router.Policy
	seen map[int64]mesh.Window
}

func (p watched) Decide(d *router.Decision, f *features.Frame) error {
	p.seen[f.Time.UnixMilli()] = cloneWindow(&f.Window)
	return p.Policy.Decide(d, f)
}

// TestRecordingShowsWhatTheSlowLoopSaw: a run with faults and restarts, its
// recording read by PromQL, and the windows of the slow loop during the run say
// the same.
func TestRecordingShowsWhatTheSlowLoopSaw(t *testing.T) {
	for _, scrape := range []time.Duration{2 * time.Second, 5 * time.Second, 700 * time.Millisecond} {
		t.Run(scrape.String(), func(t *testing.T) {
			s := scenarioOf(t, troubled)
			s.Metrics.Scrape, s.Metrics.Delay = scrape, min(scrape, s.Metrics.Delay)
			result, recording := recordAndCompare(t, s)
			if len(recording.Faults) != len(result.Faults) || len(recording.Faults) < 10 {
				t.Errorf("%d faults; want %d", len(recording.Faults), len(result.Faults))
			}
			for _, f := range recording.Faults {
				if f.Service != Service || !strings.HasPrefix(f.Endpoint, "e0") || f.Kind == "" {
					t.Errorf("fault %+v", f)
				}
			}
		})
	}
}

// recordAndCompare records a run and compares the windows of its slow loop with
// those of the recording.
func recordAndCompare(t *testing.T, s *Scenario) (*Result, *datasets.Recording) {
	t.Helper()
	strategy, seen := Shares(5), map[int64]mesh.Window{}
	strategy.Policy = watched{strategy.Policy, seen}
	dir := filepath.Join(t.TempDir(), "recording")
	result, err := Record(t.Context(), s, 5, strategy, dir)
	if err != nil {
		t.Fatal(err)
	}
	recording, err := datasets.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { recording.Close() })
	compareWindows(t, recording, s.Metrics.timing(), seen)
	return result, recording
}

// TestScenariosAreRecordedAsTheyWereSeen does the same with scenarios that come
// with fairway and in which endpoints go and return.
func TestScenariosAreRecordedAsTheyWereSeen(t *testing.T) {
	for _, name := range []string{"rolling-deploy", "zone-loss", "stall", "sink-hole", "ramp-to-failure-leak", "ramp-to-failure-saturation"} {
		t.Run(name, func(t *testing.T) {
			s := builtinScenario(t, name)
			s.Arrivals.Scale(0.3) // random shares overload what is busy
			recordAndCompare(t, s)
		})
	}
}

// TestPropensitiesAreExact: of the requests that were drawn with about the same
// probability, that part went there.
func TestPropensitiesAreExact(t *testing.T) {
	s := scenarioOf(t, troubled)
	dir := filepath.Join(t.TempDir(), "recording")
	if _, err := Record(t.Context(), s, 9, Shares(9), dir); err != nil {
		t.Fatal(err)
	}
	recording, err := datasets.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	inverse, n, last := map[string]float64{}, 0.0, time.Time{}
	for q, err := range recording.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		if q.Time.Before(last) {
			t.Fatalf("the request at %v is logged after that at %v", q.Time, last)
		}
		if last = q.Time; !(q.Propensity > 0) {
			t.Fatalf("a request without its propensity: %+v", q)
		}
		inverse[q.Endpoint] += 1 / q.Propensity
		n++
	}
	for name, sum := range inverse { // each endpoint would have had all of them
		if math.Abs(sum/n-1) > 0.1 {
			t.Errorf("%s: the inverse propensities sum to %v of the requests", name, sum/n)
		}
	}
	if len(inverse) != s.Count() || n < 10_000 {
		t.Errorf("%v requests of %d endpoints", n, len(inverse))
	}
}

// TestDecisionsWithoutScrapesAge: while no scrape arrives the last frame stays,
// and its time goes on.
func TestDecisionsWithoutScrapesAge(t *testing.T) {
	s := scenarioOf(t, troubled)
	s.Decisions.Stale = Span{60 * time.Second, 120 * time.Second}
	s.Decisions.Down = Span{180 * time.Second, 200 * time.Second}
	strategy, seen := Shares(5), map[int64]mesh.Window{}
	strategy.Policy = watched{strategy.Policy, seen}
	if _, err := Run(t.Context(), s, 5, strategy); err != nil {
		t.Fatal(err)
	}
	for at, w := range seen {
		age := w.Time.Sub(w.End)
		switch t0 := time.Duration(at) * time.Millisecond; {
		case t0 >= 60*time.Second && t0 <= 120*time.Second: // the first scrapes come later
			if want := s.Metrics.Delay + t0 - 55*time.Second; age != want {
				t.Errorf("at %v the window is %v old; want %v", t0, age, want)
			}
		case t0 >= 180*time.Second && t0 < 200*time.Second:
			t.Errorf("a decision at %v, when nothing is decided", t0)
		case age != s.Metrics.Delay:
			t.Errorf("at %v the window is %v old; want %v", t0, age, s.Metrics.Delay)
		}
	}
}

// BenchmarkSlowLoop is a window of 100 endpoints, its frame and its weights.
func BenchmarkSlowLoop(b *testing.B) {
	s := scenarioOf(b, strings.Replace(troubled, "count: 3, workers: 2", "count: 97, workers: 2", 1))
	slow, err := newSlowLoop(s, router.PerformanceAware())
	if err != nil {
		b.Fatal(err)
	}
	c := Counters{Up: true, Workers: 2}
	for n := 0; b.Loop(); n++ {
		t := time.Duration(n+10) * s.Metrics.Step
		for i := range s.Count() {
			c.Good, c.Answers, c.LatencySum, c.AtMost[5] = c.Good+50, c.Answers+50, c.LatencySum+5, c.AtMost[5]+50
			slow.scrape(t-2*time.Second, i, &c)
		}
		if _, _, err := slow.decide(t); err != nil {
			b.Fatal(err)
		}
	}
}
