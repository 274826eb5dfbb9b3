package datasets

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

const testSchema = `name: tiny
labels: {service: service, endpoint: endpoint}
step: 10s
range: 20s
series:
  - {name: request_rate, unit: requests/s, query: 'sum by (service, endpoint) (rate(requests_total[$range]))'}
  - {name: latency_mean_seconds, unit: s, query: 'avg by (service, endpoint) (avg_over_time(latency_seconds[$range]))'}
`

const testManifest = `{"format":"fairway-recording/1","schema":"schema.yaml","services":["shop"],
"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:10:00Z","scrape_interval_s":5,"made_by":"a test","seed":1,"notes":"none"}`

var testStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// writeRecording makes a recording of ten minutes with two endpoints whose
// latency is what latency says. Files replaces or adds files by name.
func writeRecording(t *testing.T, latency func(endpoint int, at time.Duration) float64, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	var om strings.Builder
	om.WriteString("# TYPE latency_seconds gauge\n")
	for e := range 2 {
		for at := time.Duration(0); at <= 10*time.Minute; at += 5 * time.Second {
			fmt.Fprintf(&om, "latency_seconds{service=\"shop\",endpoint=\"e%d\"} %v %d\n", e, latency(e, at), testStart.Add(at).Unix())
		}
	}
	om.WriteString("# TYPE requests counter\n")
	for e := range 2 {
		for at := time.Duration(0); at <= 10*time.Minute; at += 5 * time.Second {
			fmt.Fprintf(&om, "requests_total{service=\"shop\",endpoint=\"e%d\"} %d %d\n", e, int(at.Seconds())*(e+1), testStart.Add(at).Unix())
		}
	}
	om.WriteString("# EOF\n")
	all := map[string]string{"manifest.json": testManifest, "schema.yaml": testSchema, "metrics.om": om.String()}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func constant(int, time.Duration) float64 { return 0.1 }

func openTest(t *testing.T, path string) *Recording {
	t.Helper()
	r, err := Open(context.Background(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestTimingComesFromSchemaAndManifest(t *testing.T) {
	r := openTest(t, writeRecording(t, constant, nil))
	want := mesh.Timing{Step: 10 * time.Second, Range: 20 * time.Second, Delay: 5 * time.Second, Horizon: time.Minute}
	if got := r.Timing(0, 0); got != want {
		t.Errorf("timing %+v; want %+v", got, want)
	}
	if got := r.Timing(time.Second, 0).Step; got != 5*time.Second {
		t.Errorf("a step below the scrape interval became %v; want 5s", got)
	}
}

// A scrape comes some milliseconds late or early: a schema's step stays what it
// is, and so do the times of windows.
func TestTimingIgnoresTheJitterOfScrapes(t *testing.T) {
	for scrape, want := range map[time.Duration]time.Duration{ // of samples: of windows
		10_003 * time.Millisecond: 10 * time.Second,
		9_998 * time.Millisecond:  10 * time.Second,
		12_500 * time.Millisecond: 12_500 * time.Millisecond,
		15_002 * time.Millisecond: 15 * time.Second,
	} {
		var om strings.Builder
		for at := time.Duration(0); at <= 10*time.Minute; at += scrape {
			for e := range 2 {
				fmt.Fprintf(&om, "requests_total{service=\"shop\",endpoint=\"e%d\"} %d %d\n", e, int(at.Seconds()), testStart.Add(at).UnixMilli())
			}
		}
		dir := t.TempDir()
		for name, text := range map[string]string{"metrics.prom": om.String(), "schema.yaml": testSchema} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Open(t.Context(), filepath.Join(dir, "metrics.prom"), filepath.Join(dir, "schema.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := r.Timing(0, 0); got.Step != want || got.Delay != want {
			t.Errorf("a scrape every %s: windows every %s, %s late; want every %s", scrape, got.Step, got.Delay, want)
		}
	}
}

// A range in which no two scrapes lie would bring no rate at all; a mean needs
// one scrape only.
func TestRangeHoldsTwoScrapesWhereThereAreRates(t *testing.T) {
	gauges := strings.Replace(testSchema, "rate(requests_total[$range])", "avg_over_time(requests_total[$range])", 1)
	for _, c := range []struct {
		scrape int // seconds
		schema string
		want   time.Duration
	}{
		{10, testSchema, 20 * time.Second},
		{15, testSchema, time.Minute},
		{20, testSchema, 80 * time.Second},
		{20, gauges, 20 * time.Second},
	} {
		manifest := strings.Replace(testManifest, `"scrape_interval_s":5`, fmt.Sprintf(`"scrape_interval_s":%d`, c.scrape), 1)
		r := openTest(t, writeRecording(t, constant, map[string]string{"manifest.json": manifest, "schema.yaml": c.schema}))
		if got := r.Timing(0, 0).Range; got != c.want {
			t.Errorf("a scrape every %d s, %s: a range of %s, want %s", c.scrape, c.schema, got, c.want)
		}
	}
}

func TestImpossibleTimings(t *testing.T) {
	r := openTest(t, writeRecording(t, constant, nil))
	for want, timing := range map[string]mesh.Timing{
		"between two scrapes": r.Timing(0, time.Second),
		"is too short":        r.Timing(0, time.Hour),
		"history of 10m0s":    r.Timing(time.Hour, 0),
	} {
		var last error
		for _, err := range r.Pairs(context.Background(), timing, features.New(features.DefaultConfig())) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), want) || !strings.Contains(last.Error(), r.Path) {
			t.Errorf("%+v gives %v; want the recording and %q", timing, last, want)
		}
	}
}

// TestWrongTimeIsNoLongHistory holds that a single sample of 1970 does not
// keep a walk busy for decades.
func TestWrongTimeIsNoLongHistory(t *testing.T) {
	dir := writeRecording(t, constant, nil)
	path := filepath.Join(dir, "metrics.om")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(text), "# EOF", "requests_total{service=\"shop\",endpoint=\"e2\"} 1 12\n# EOF", 1)
	if err := os.WriteFile(path, []byte(wrong), 0o644); err != nil {
		t.Fatal(err)
	}
	r := openTest(t, dir)
	for _, err := range r.Windows(context.Background(), r.Timing(0, 0)) {
		if err == nil || !strings.Contains(err.Error(), "1970-01-01T00:00:12Z") {
			t.Fatalf("a window, or %v; want an error that shows the time", err)
		}
	}
}

// TestPairsShareNoSample moves the latency at one instant and asks which
// decisions see it in their features and which in their future.
func TestPairsShareNoSample(t *testing.T) {
	const jump = 5 * time.Minute
	r := openTest(t, writeRecording(t, func(_ int, at time.Duration) float64 {
		if at == jump {
			return 1
		}
		return 0.1
	}, nil))
	timing := r.Timing(0, 30*time.Second)
	before, after := 0, 0
	for pair, err := range r.Pairs(context.Background(), timing, features.New(features.DefaultConfig())) {
		if err != nil {
			t.Fatal(err)
		}
		at := pair.Frame.Time.Sub(testStart)
		seen := pair.Frame.At(0, mesh.LatencyMean) > 0.1001
		coming := pair.After.At(0, mesh.LatencyMean) > 0.1001
		if seen && coming {
			t.Errorf("the decision at %v has the same sample in its features and in its future", at)
		}
		if seen {
			after++
			if at < jump+timing.Delay {
				t.Errorf("the decision at %v knows the sample of %v, which is not yet scraped", at, jump)
			}
		}
		if coming {
			before++
			if at >= jump || at < jump-timing.Horizon {
				t.Errorf("the decision at %v has the sample of %v in its future of %v", at, jump, timing.Horizon)
			}
		}
	}
	if before == 0 || after == 0 {
		t.Errorf("the jump was seen by %d futures and %d features; want some of each", before, after)
	}
}

func TestPairsKeepTheOrderOfEndpoints(t *testing.T) {
	r := openTest(t, writeRecording(t, func(e int, _ time.Duration) float64 { return 0.1 * float64(e+1) }, nil))
	n := 0
	for pair, err := range r.Pairs(context.Background(), r.Timing(0, 0), features.New(features.DefaultConfig())) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for i, endpoint := range pair.Frame.Endpoints {
			want := map[string]float64{"e0": 0.1, "e1": 0.2}[endpoint.Name]
			if got := pair.After.At(i, mesh.LatencyMean); math.Abs(got-want) > 1e-9 {
				t.Fatalf("%s is followed by a latency of %v; want %v", endpoint.Name, got, want)
			}
		}
	}
	// The first decision waits for a whole range, the last for a horizon.
	if n < 50 || n > 53 {
		t.Errorf("%d pairs in ten minutes of steps of 10 s; want about 52", n)
	}
}

func TestSplitLeavesPurgeGaps(t *testing.T) {
	r := openTest(t, writeRecording(t, constant, nil))
	timing := r.Timing(0, 0)
	s := r.Split(timing)
	if got := s.Whole(); got != None {
		t.Errorf("a recording that is cut is whole for %v", got)
	}
	for _, gap := range []time.Duration{s.ValidationStart.Sub(s.TrainEnd), s.TestStart.Sub(s.ValidationEnd)} {
		if gap < timing.Purge() {
			t.Errorf("gap of %v; want at least %v", gap, timing.Purge())
		}
	}
	for at, want := range map[time.Time]Part{
		s.Start.Add(-1): None, s.Start: Train, s.TrainEnd: None, s.ValidationStart: Validation,
		s.ValidationEnd: None, s.TestStart: Test, s.End: Test, s.End.Add(1): None,
	} {
		if got := s.Part(at); got != want {
			t.Errorf("%v is in part %d; want %d", at, got, want)
		}
	}
}

func TestSplitOfOnePart(t *testing.T) {
	for _, part := range []Part{Train, Validation, Test} {
		manifest := strings.Replace(testManifest, `"seed"`, fmt.Sprintf(`"part":%q,"seed"`, part), 1)
		r := openTest(t, writeRecording(t, constant, map[string]string{"manifest.json": manifest}))
		s := r.Split(r.Timing(0, 0))
		for _, at := range []time.Time{s.Start, s.Start.Add(s.End.Sub(s.Start) / 2), s.End} {
			if got := s.Part(at); got != part {
				t.Errorf("a recording for %v has part %v at %v", part, got, at)
			}
		}
		if got := s.Whole(); got != part {
			t.Errorf("a recording for %v is whole for %v", part, got)
		}
		if got := s.Part(s.End.Add(2)); got != None {
			t.Errorf("a recording for %v has part %v after its end", part, got)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"manifest cut":      {map[string]string{"manifest.json": "{\n\"format\":"}, []string{"manifest.json:2"}},
		"foreign format":    {map[string]string{"manifest.json": `{"format":"other/1"}`}, []string{"other/1", Format}},
		"no scrape":         {map[string]string{"manifest.json": strings.Replace(testManifest, `"scrape_interval_s":5`, `"scrape_interval_s":0`, 1)}, []string{"scrape_interval_s"}},
		"no such part":      {map[string]string{"manifest.json": strings.Replace(testManifest, `"seed"`, `"part":"exam","seed"`, 1)}, []string{"manifest.json", `"exam"`}},
		"no start":          {map[string]string{"manifest.json": strings.Replace(testManifest, `"start"`, `"begin"`, 1)}, []string{"manifest.json", "start or end is missing"}},
		"other metrics":     {map[string]string{"manifest.json": strings.ReplaceAll(testManifest, "2026-", "2025-")}, []string{"2025-01-01T00:10:00Z", "2026-01-01T00:00:00Z", "belong together"}},
		"faults empty":      {map[string]string{"faults.csv": ""}, []string{"faults.csv", "is empty"}},
		"fault cut":         {map[string]string{"faults.csv": "service,endpoint,kind,start,end,severity\nshop,e0\n"}, []string{"faults.csv:2", "number of fields"}},
		"ends before start": {map[string]string{"manifest.json": strings.Replace(testManifest, "2026-01-01T00:10", "2025-01-01T00:10", 1)}, []string{"not after"}},
		"fault backwards":   {map[string]string{"faults.csv": "service,endpoint,kind,start,end,severity\nshop,e0,crash,20,10,1\n"}, []string{"faults.csv:2", "ends before"}},
		"fault fails later": {map[string]string{"faults.csv": "service,endpoint,kind,start,end,severity,fails\nshop,e0,leak,10,20,1,21\n"}, []string{"faults.csv:2", "leave fails empty"}},
		"fault fails when":  {map[string]string{"faults.csv": "service,endpoint,kind,start,end,severity,fails\nshop,e0,leak,10,20,1,soon\n"}, []string{"faults.csv:2", "want a number"}},
		"fault without end": {map[string]string{"faults.csv": "service,endpoint,kind,start\n"}, []string{"faults.csv:1", `"end"`}},
		"metrics cut":       {map[string]string{"metrics.om": "# TYPE latency_seconds gauge\nlatency_seconds{serv"}, []string{"metrics.om"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), writeRecording(t, constant, c.files), "")
			if err == nil {
				t.Fatal("opened; want an error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}
