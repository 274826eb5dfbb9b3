package sim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// life makes counters up: an endpoint that is busy, idle, slow, down and
// restarted at random times.
type life struct {
	random *rand.Rand
	c      Counters
	load   float64
	down   int // scrapes left
}

func (l *life) step() *Counters {
	r := l.random
	switch x := r.Float64(); {
	case l.down > 0:
		l.down--
		l.c.Good += float64(r.IntN(3))
		l.c.Errors += float64(r.IntN(3))
		l.c.Up = false
		return &l.c
	case x < 0.03: // a crash
		l.down = 1 + r.IntN(6)
		l.c = Counters{Good: l.c.Good, Errors: l.c.Errors + float64(r.IntN(50))}
		return &l.c
	case x < 0.06: // a restart between two scrapes
		l.c = Counters{Good: l.c.Good, Errors: l.c.Errors}
	case x < 0.15:
		l.load = []float64{0, 1, 20, 300}[r.IntN(4)]
	}
	n := float64(r.IntN(int(l.load) + 1))
	l.c.Good += n
	l.c.Errors += float64(r.IntN(int(n)/4 + 1))
	for range int(n) {
		latency := math.Exp(r.NormFloat64() - 3)
		l.c.Answers++
		l.c.LatencySum += latency
		for k, bound := range Buckets {
			if latency <= bound {
				l.c.AtMost[k]++
			}
		}
		l.c.BusySeconds += latency / 2
		l.c.CPUSeconds += latency / 3
	}
	l.c.InFlight, l.c.Workers, l.c.Memory, l.c.Up = float64(r.IntN(9)), float64(4+r.IntN(2)), 1e8+1e6*r.Float64(), true
	return &l.c
}

// TestSeesWhatPromQLSees: the windows of the slow loop are those that PromQL
// makes of the recording of the same scrapes.
func TestSeesWhatPromQLSees(t *testing.T) {
	for _, c := range []struct {
		interval time.Duration
		timing   mesh.Timing
	}{
		{2 * time.Second, mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second}},
		{5 * time.Second, mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 5 * time.Second}},
		{1500 * time.Millisecond, mesh.Timing{Step: 3 * time.Second, Range: 20 * time.Second}},
	} {
		t.Run(fmt.Sprint(c.interval, c.timing), func(t *testing.T) {
			var endpoints []mesh.Endpoint
			for i := range 12 {
				endpoints = append(endpoints, mesh.Endpoint{Name: fmt.Sprint("e", i), Zone: fmt.Sprint("z", i%3), Subset: "v1"})
			}
			seen, dir := lives(t, endpoints, c.interval, c.timing, 20*time.Minute)
			recording, err := datasets.Open(context.Background(), dir, "")
			if err != nil {
				t.Fatal(err)
			}
			defer recording.Close()
			compareWindows(t, recording, c.timing, seen)
		})
	}
}

// lives scrapes made-up endpoints, and returns the windows and the recording.
func lives(t *testing.T, endpoints []mesh.Endpoint, interval time.Duration, timing mesh.Timing, duration time.Duration) (map[int64]mesh.Window, string) {
	t.Helper()
	m, err := newMetrics("shop", endpoints, interval, timing)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "recording")
	e, err := newEmission(dir, "shop", endpoints, int(duration/interval)+1, time.Second, true)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, uint64(interval)))
	all := make([]life, len(endpoints))
	due := make([]time.Duration, len(endpoints))
	for i := range all {
		all[i] = life{random: rand.New(rand.NewPCG(uint64(i), 3)), load: 20}
		due[i] = time.Duration(random.Int64N(interval.Milliseconds())) * time.Millisecond
	}
	seen := map[int64]mesh.Window{}
	for at := time.Duration(0); at < duration; at += time.Millisecond {
		for i := range all {
			if due[i] == at {
				c := all[i].step()
				m.scrape(at, i, c)
				e.scraped(at, i, c)
				due[i] += interval
			}
		}
		if at > 0 && at%timing.Step == 0 {
			w, _ := m.see(at)
			seen[w.Time.UnixMilli()] = cloneWindow(w)
		}
	}
	if err := e.finish(testManifest(duration, interval), nil); err != nil {
		t.Fatal(err)
	}
	return seen, dir
}

func testManifest(duration, interval time.Duration) *datasets.Manifest {
	return &datasets.Manifest{
		Format: datasets.Format, Schema: "lab", Services: []string{"shop"}, Start: time.Unix(0, 0).UTC(),
		End: time.Unix(0, 0).UTC().Add(duration), ScrapeIntervalS: interval.Seconds(),
	}
}

func cloneWindow(w *mesh.Window) mesh.Window {
	c := *w
	c.Endpoints, c.Values, c.Requests = slices.Clone(w.Endpoints), slices.Clone(w.Values), slices.Clone(w.Requests)
	return c
}

// compareWindows wants the recording's windows to be those that were seen.
func compareWindows(t *testing.T, recording *datasets.Recording, timing mesh.Timing, seen map[int64]mesh.Window) {
	t.Helper()
	compared, numbers := 0, 0
	for want, err := range recording.Windows(context.Background(), timing) {
		if err != nil {
			t.Fatal(err)
		}
		got, ok := seen[want.Time.UnixMilli()]
		if !ok {
			continue // at the very end
		}
		compared++
		if want.Schema.Hash() != got.Schema.Hash() || !got.Start.Equal(want.Start) || !got.End.Equal(want.End) || !slices.Equal(got.Endpoints, want.Endpoints) {
			t.Fatalf("at %v: %v to %v of %v; want %v to %v of %v", want.Time, got.Start, got.End, got.Endpoints, want.Start, want.End, want.Endpoints)
		}
		for i := range want.Endpoints {
			for k, series := range want.Schema.Series {
				if a, b := got.Row(i)[k], want.Row(i)[k]; !sameNumber(a, b) {
					t.Fatalf("at %v: %s of %s is %v; PromQL says %v", want.Time.UnixMilli(), series.Name, want.Endpoints[i].Name, a, b)
				} else if !math.IsNaN(b) {
					numbers++
				}
			}
			if !sameNumber(got.Requests[i], want.Requests[i]) {
				t.Fatalf("at %v: %v requests; PromQL says %v", want.Time, got.Requests[i], want.Requests[i])
			}
		}
	}
	if compared < len(seen)*9/10 || numbers < compared {
		t.Fatalf("only %d of %d windows with %d numbers were compared", compared, len(seen), numbers)
	}
}

func sameNumber(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b))
}

// TestTimesAreReadBack: a reader that multiplies by 1000 and cuts off finds the
// millisecond that was meant.
func TestTimesAreReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		ms := random.Int64N(9_999_999_999)
		s, err := strconv.ParseFloat(string(appendTime(nil, ms)), 64)
		if err != nil || int64(s*1000) != ms {
			t.Fatalf("%d ms are written as %v and read back as %d (%v)", ms, s, int64(s*1000), err)
		}
	}
}

// TestEveryScenarioCanBeScraped: the times of the metrics of all scenarios that
// come with fairway are such as Prometheus has.
func TestEveryScenarioCanBeScraped(t *testing.T) {
	for _, name := range Builtins() {
		if _, err := newSlowLoop(builtinScenario(t, name), router.RoundRobin()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := builtinScenario(t, "basic")
	s.Metrics.Range = 1500 * time.Microsecond
	if _, err := newSlowLoop(s, router.RoundRobin()); err == nil {
		t.Error("a range of one and a half milliseconds is no error")
	}
}
