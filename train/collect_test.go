package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

const toySchema = `name: toy
labels: {service: service, endpoint: pod}
step: 10s
range: 10s
series:
  - {name: request_rate, query: "avg_over_time(rps[$range])"}
  - {name: latency_mean_seconds, query: "avg_over_time(latency[$range])"}
  - {name: error_ratio, query: "avg_over_time(errors[$range])"}
`

// record writes ten minutes of a shop with two endpoints into directory, of
// which fast answers in half the time of slow. It returns the paths of the
// dump and its schema.
func record(directory string) (dump, schema string, err error) {
	random := seeded(1)
	const samples = 600
	families := []string{"rps", "latency", "errors"}
	lines := map[string]*strings.Builder{}
	for k := range samples {
		share := 0.3 + 0.4*random.Float64()
		for i, pod := range []string{"fast", "slow"} {
			load := math.Abs(float64(i)-share) * 60
			values := []float64{load, float64(1+i) * 0.02 / (1 - load/100), 0.01 * random.Float64()}
			for f, family := range families {
				key := family + pod
				if lines[key] == nil {
					lines[key] = &strings.Builder{}
				}
				fmt.Fprintf(lines[key], "%s{service=\"shop\",pod=%q} %v %d\n", family, pod, values[f], epoch.Unix()+int64(k))
			}
		}
	}
	var text strings.Builder
	for _, family := range families {
		fmt.Fprintf(&text, "# TYPE %s gauge\n%s%s", family, lines[family+"fast"], lines[family+"slow"])
	}
	text.WriteString("# EOF\n")
	dump, schema = filepath.Join(directory, "shop.om"), filepath.Join(directory, "toy.yaml")
	return dump, schema, errors.Join(os.WriteFile(dump, []byte(text.String()), 0o600), os.WriteFile(schema, []byte(toySchema), 0o600))
}

// Example learns from a recording and says what the model is good for.
func Example() {
	directory, err := os.MkdirTemp("", "fairway")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory)
	dump, schema, err := record(directory)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	recording, err := datasets.Open(ctx, dump, schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer recording.Close()
	cfg := DefaultConfig()
	cfg.Network, cfg.Epochs = model.Softmax, 20
	set, err := Collect(ctx, recording, recording.Timing(10*time.Second, 30*time.Second), cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, report, err := Fit(ctx, set, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	test := report.Routing.Test
	fmt.Println("learned from", report.Parts[0].Train, "decisions, judged by", test.Decisions)
	fmt.Println("cheaper than the observed shares:", test.Ways[byShares].Gain > 0)
	fmt.Println("failure forecast:", m.Failure != nil)
	// Output:
	// learned from 33 decisions, judged by 7
	// cheaper than the observed shares: true
	// failure forecast: false
}

// TestCollect looks at what a recording becomes.
func TestCollect(t *testing.T) {
	set := collect(t)
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	h := &set.Histories[0]
	if h.Provenance.SHA256 == "" || len(h.Provenance.Services) != 1 {
		t.Errorf("provenance %+v", h.Provenance)
	}
	for i := range h.Moments {
		m := &h.Moments[i]
		if len(m.Endpoints) != 2 || m.Endpoints[0] != "fast" {
			t.Fatalf("endpoints %q", m.Endpoints)
		}
		// Both span 10 s, at some 30 requests/s, though the horizon is 30 s.
		if ratio := m.After[0].Requests / m.Now[0].Requests; ratio < 0.6 || ratio > 1.7 {
			t.Errorf("%v requests while the decision was in force, %v in the window", m.After[0].Requests, m.Now[0].Requests)
		}
		if !math.IsNaN(m.Now[0].P99) || !math.IsNaN(m.Now[0].Up) {
			t.Errorf("the schema has neither p99 nor up: %+v", m.Now[0])
		}
	}
}

// TestHorizonsOfTheirOwn: what looks farther ahead than the set teaches as far
// as the set looks; what looks less far is censored, and judges no forecast.
func TestHorizonsOfTheirOwn(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 1000, seed: 7, failures: true}.set()
	far, near := set.Histories[0], set.Histories[0]
	far.Timing, near.Timing = set.Timing, set.Timing
	far.Timing.Horizon, near.Timing.Horizon = 45*time.Second, 10*time.Second
	far.Split = apartBy(far.Split, 15*time.Second)
	found := map[string]Limits{"s": {Latency: 10, Errors: 0.3}}
	set.Histories = append(set.Histories, far, near)
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	examples, _ := survivals(set, found, 10)
	bins := binsOf(set.Timing)
	var longest [3]time.Duration
	for _, e := range examples {
		longest[e.history] = max(longest[e.history], e.after)
		if got := e.binned(bins, 1); int(got[0]) > len(bins) {
			t.Fatalf("at risk in %v bins of %d", got[0], len(bins))
		}
	}
	if want := [3]time.Duration{30 * time.Second, 30 * time.Second, 10 * time.Second}; longest != want {
		t.Errorf("watched for %v; want %v", longest, want)
	}
	cfg := quick()
	cfg.Epochs = 2
	m, _ := fit(t, set, cfg)
	f := &fitting{set: set, model: m}
	list, err := f.forecasts(examples)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range examples {
		if one.history == 2 && one.failed {
			set.Histories = set.Histories[:2]
			rest, err := f.forecasts(slices.DeleteFunc(examples, func(e example) bool { return e.history == 2 }))
			if err != nil || len(rest) != len(list) {
				t.Errorf("%v: %d forecasts with the history that looks less far, %d without", err, len(list), len(rest))
			}
			return
		}
	}
	t.Error("nothing fails in the history that looks less far")
}

// apartBy makes the gaps of a split longer.
func apartBy(s datasets.Split, more time.Duration) datasets.Split {
	s.ValidationStart, s.TestStart = s.ValidationStart.Add(more), s.TestStart.Add(more)
	return s
}

// TestPartsMustBeApart: validation chooses by a later time, after a gap.
func TestPartsMustBeApart(t *testing.T) {
	for _, part := range []string{"validation", "test"} {
		set := world{service: "s", endpoints: 2, moments: 200, seed: 1}.set()
		s := &set.Histories[0].Split
		if part == "validation" {
			s.ValidationStart = s.TrainEnd.Add(set.Timing.Purge() - time.Second)
		} else {
			s.TestStart = s.ValidationStart
		}
		if _, _, err := Fit(t.Context(), set, quickest()); err == nil || !strings.Contains(err.Error(), "the "+part+" part begins") {
			t.Errorf("%s: error %v", part, err)
		}
	}
}

func collect(t *testing.T) *Set {
	t.Helper()
	dump, schema, err := record(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	rec, err := datasets.Open(t.Context(), dump, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	set, err := Collect(t.Context(), rec, rec.Timing(10*time.Second, 30*time.Second), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// toy is a Source of the recording of record, with a step and a horizon.
func toy(t *testing.T, step, horizon time.Duration) Source {
	t.Helper()
	dump, schema, err := record(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error {
		rec, err := datasets.Open(ctx, dump, schema)
		if err != nil {
			return err
		}
		return errors.Join(use(rec, rec.Timing(step, horizon)), rec.Close())
	}
}

// TestTimingsOfTheirOwn: recordings that are looked at with different steps
// make one set, and each is split and labelled by its own.
func TestTimingsOfTheirOwn(t *testing.T) {
	const horizon = 30 * time.Second
	set, err := CollectAll(t.Context(), DefaultConfig(), toy(t, 10*time.Second, horizon), toy(t, 5*time.Second, horizon))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	slow, fast := &set.Histories[0], &set.Histories[1]
	if set.Timing != slow.Timing || slow.Timing.Step != 10*time.Second || fast.Timing.Step != 5*time.Second {
		t.Errorf("the set has timing %+v, its histories %+v and %+v", set.Timing, slow.Timing, fast.Timing)
	}
	if n, m := len(slow.Moments), len(fast.Moments); m < 2*n-10 {
		t.Errorf("%d moments every 10 s, %d every 5 s", n, m)
	}
	cfg := quick()
	cfg.Epochs = 2
	if m, _ := fit(t, set, cfg); m.Timing != slow.Timing {
		t.Errorf("the model has timing %+v; want the first recording's", m.Timing)
	}
	if _, err := CollectAll(t.Context(), DefaultConfig()); err == nil {
		t.Error("a set of nothing")
	}
}

// TestTooShort: no room for three parts with gaps between them.
func TestTooShort(t *testing.T) {
	set := collect(t)
	h := &set.Histories[0]
	h.Split.ValidationEnd = h.Split.ValidationStart
	_, _, err := Fit(t.Context(), set, DefaultConfig())
	if err == nil || !strings.Contains(err.Error(), "record longer") {
		t.Errorf("error %v; want advice", err)
	}
}

// TestNezha trains on a day of ten services with one pod each, whose success
// metric is dead.
func TestNezha(t *testing.T) {
	const path = "../../shared/data/nezha/onlineboutique-20220822.om.gz"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("the development data is not there")
	}
	rec, err := datasets.Open(t.Context(), path, "../datasets/schemas/nezha.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	cfg := quick()
	cfg.Epochs = 5
	set, err := Collect(t.Context(), rec, rec.Timing(time.Minute, 3*time.Minute), cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, r := fit(t, set, cfg)
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"frontend: no choice, not trained", "no service has a choice", "no max latency is configured"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
	if m.Routing != nil || m.Failure == nil || !strings.Contains(strings.Join(r.Absent, " "), "error_ratio") {
		t.Errorf("routing %v, failure %v, absent %q", m.Routing != nil, m.Failure != nil, r.Absent)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
