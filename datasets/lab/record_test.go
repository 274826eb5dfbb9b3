package lab

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// recordable is a small mesh to be recorded into a directory of the test. It
// skips where HAProxy or Prometheus are missing.
func recordable(t *testing.T) Config {
	t.Helper()
	if _, err := findPrograms(programPath()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := smallConfig()
	cfg.Out = filepath.Join(t.TempDir(), "recording")
	cfg.EndpointCommand = []string{program, "endpoint"}
	// The machine of a test may be busy: here it counts that things happen,
	// not when.
	cfg.MaxSendDelay = time.Minute
	return cfg
}

// smallConfig is a valid mesh of two services that asks little of the machine.
func smallConfig() Config {
	cfg := DefaultConfig()
	cfg.Out, cfg.EndpointCommand, cfg.MadeBy = "recording", []string{"endpoint"}, "a test"
	cfg.Duration, cfg.Seed = 13*time.Second, 5
	cfg.Services = []Service{cfg.Services[0], cfg.Services[1]}
	for i, endpoints := range []int{3, 2} {
		s := &cfg.Services[i]
		s.Rate, s.Endpoints = 12, slices.Clone(s.Endpoints[:endpoints])
		s.Classes = slices.Clone(s.Classes)
		for c := range s.Classes {
			s.Classes[c].Deadline = 2 * time.Second
		}
	}
	return cfg
}

func TestRecord(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	faults, err := cfg.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{} // faults that the progress told of
	var last Progress
	summary, err := Record(t.Context(), cfg, func(p Progress) {
		last = p
		for _, f := range p.Faults {
			seen[f.Kind] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// A crash may break off an answer that is just being written, no more.
	if summary.Dir != cfg.Out || summary.Interrupted || summary.Samples == 0 || summary.Broken > summary.Requests/50 {
		t.Errorf("summary is %+v", summary)
	}
	if last.Total != cfg.Duration || last.Elapsed < cfg.Duration/2 || len(seen) == 0 {
		t.Errorf("last progress %+v, faults seen %v", last, seen)
	}
	onlyHolds(t, cfg.Out, "faults.csv", "manifest.json", "metrics.om.gz", "requests.csv.gz")
	recording, err := datasets.Open(t.Context(), cfg.Out, "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	if got := recording.Manifest.End.Sub(recording.Manifest.Start); got != cfg.Duration {
		t.Errorf("the recording covers %v; want %v", got, cfg.Duration)
	}
	t.Run("requests are those of the plan", func(t *testing.T) { checkRequests(t, cfg, recording) })
	t.Run("faults are those of the schedule", func(t *testing.T) { checkFaults(t, faults, recording) })
	t.Run("windows know every endpoint", func(t *testing.T) { checkWindows(t, cfg, recording) })
}

// checkRequests compares the log with the plan: what was asked is the seed's
// choice alone, whatever the mesh did.
func checkRequests(t *testing.T, cfg Config, recording *datasets.Recording) {
	planned, got := map[string][]planned{}, map[string]int{}
	for _, s := range cfg.Services {
		planned[s.Name] = plan(cfg.Seed, s, cfg.Duration)
	}
	answered := map[string]int{}
	for q, err := range recording.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		s := cfg.Services[slices.IndexFunc(cfg.Services, func(s Service) bool { return s.Name == q.Service })]
		want := planned[q.Service][got[q.Service]]
		got[q.Service]++
		if q.Endpoint != s.Endpoints[want.endpoint].Name || q.Class != s.Classes[want.class].Name ||
			math.Abs(q.Propensity-float64(want.propensity)/shareUnit) > 1e-12 {
			t.Fatalf("request %d of %s is %+v; want %+v", got[q.Service], q.Service, q, want)
		}
		if at := q.Time.Sub(recording.Manifest.Start); (at - want.at).Abs() > time.Millisecond {
			t.Fatalf("request %d of %s at %v; want %v", got[q.Service], q.Service, at, want.at)
		}
		if q.Status == 200 {
			answered[q.Endpoint]++
		}
	}
	for _, s := range cfg.Services {
		if got[s.Name] != len(planned[s.Name]) {
			t.Errorf("%d requests of %s; want %d", got[s.Name], s.Name, len(planned[s.Name]))
		}
		for _, e := range s.Endpoints {
			if answered[e.Name] == 0 {
				t.Errorf("%s answered nothing", e.Name)
			}
		}
	}
}

// checkFaults wants each service's faults as scheduled. On a busy machine a
// restart may take so long that the last ones have no time left.
func checkFaults(t *testing.T, scheduled []Fault, recording *datasets.Recording) {
	want, got := map[string][]string{}, map[string][]string{}
	for _, f := range scheduled {
		want[f.Service] = append(want[f.Service], f.Endpoint+" "+f.Kind)
	}
	for _, f := range recording.Faults {
		got[f.Service] = append(got[f.Service], f.Endpoint+" "+f.Kind)
	}
	for service, faults := range want {
		if n := len(got[service]); n == 0 || n > len(faults) || !slices.Equal(got[service], faults[:n]) {
			t.Errorf("faults of %s were %q; want %q", service, got[service], faults)
		}
	}
}

func checkWindows(t *testing.T, cfg Config, recording *datasets.Recording) {
	rates := map[string]float64{} // requests per service
	for w, err := range recording.Windows(t.Context(), recording.Timing(cfg.Scrape, 4*time.Second)) {
		if err != nil {
			t.Fatal(err)
		}
		service := cfg.Services[slices.IndexFunc(cfg.Services, func(s Service) bool { return s.Name == w.Service })]
		var want []mesh.Endpoint
		for _, e := range service.Endpoints {
			want = append(want, e.Endpoint)
		}
		got := slices.Clone(w.Endpoints)
		for i := range got {
			got[i].Address = ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("endpoints of %s at %v (-want +got):\n%s", w.Service, w.End, diff)
		}
		for _, n := range w.Requests {
			if !math.IsNaN(n) {
				rates[w.Service] += n
			}
		}
	}
	for _, s := range cfg.Services {
		if rates[s.Name] == 0 {
			t.Errorf("no window of %s has seen requests", s.Name)
		}
	}
}

// onlyHolds checks that a directory has these entries, and its parent nothing
// but the directory.
func onlyHolds(t *testing.T, dir string, names ...string) {
	t.Helper()
	for dir, want := range map[string][]string{dir: names, filepath.Dir(dir): {filepath.Base(dir)}} {
		if diff := cmp.Diff(want, entries(t, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

// interrupted records cfg until the progress has told of that much time.
func interrupted(t *testing.T, cfg Config, after time.Duration) (Summary, error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return Record(ctx, cfg, func(p Progress) {
		if p.Elapsed >= after {
			cancel()
		}
	})
}

func TestRecordInterrupted(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.Duration, cfg.MinKept = time.Hour, time.Second
	summary, err := interrupted(t, cfg, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !summary.Interrupted || summary.Requests == 0 {
		t.Errorf("summary is %+v", summary)
	}
	onlyHolds(t, cfg.Out, "faults.csv", "manifest.json", "metrics.om.gz", "requests.csv.gz")
	recording, err := datasets.Open(t.Context(), cfg.Out, "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	m := recording.Manifest
	if !m.Start.Equal(summary.Start) || !m.End.Equal(summary.End) || m.End.Sub(m.Start) < 3*time.Second || m.End.Sub(m.Start) > time.Minute {
		t.Errorf("the recording says %v to %v; the summary %v to %v", m.Start, m.End, summary.Start, summary.End)
	}
	if notes := strings.Join(m.Notes, "\n"); !strings.Contains(notes, "interrupted: 1h0m0s were asked for") {
		t.Errorf("the notes do not tell of the interruption:\n%s", notes)
	}
	for q, err := range recording.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		if q.Time.Before(m.Start) || !q.Time.Before(m.End) {
			t.Fatalf("a request at %v; want within [%v, %v)", q.Time, m.Start, m.End)
		}
	}
	if _, end := recording.Dump.Span(); end.After(m.End) {
		t.Errorf("the last sample is of %v; want %v at the latest", end, m.End)
	}
}

func TestRecordInterruptedTooEarly(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.MinKept = 10 * time.Second
	summary, err := interrupted(t, cfg, 0)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "too early to keep anything (10s)") {
		t.Errorf("error is %v", err)
	}
	if summary.Dir != "" {
		t.Errorf("the summary says that there is something in %s", summary.Dir)
	}
	if left := entries(t, filepath.Dir(cfg.Out)); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestRecordCancelledBeforeTheStart(t *testing.T) {
	cfg := recordable(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Record(ctx, cfg, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if left := entries(t, filepath.Dir(cfg.Out)); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestRecordLate(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.Duration, cfg.MinKept, cfg.MaxSendDelay = time.Hour, time.Second, time.Nanosecond
	_, err := interrupted(t, cfg, time.Second)
	if err == nil || !strings.Contains(err.Error(), "requests were sent late") {
		t.Errorf("error is %v", err)
	}
	onlyHolds(t, cfg.Out+".partial", "faults.csv", "manifest.json", "metrics.om.gz", "requests.csv.gz")
}

func TestRecordEndpointThatDies(t *testing.T) {
	cfg := recordable(t)
	cfg.EndpointCommand = []string{"sh", "-c", "echo no such colour >&2; exit 3"}
	_, err := Record(t.Context(), cfg, nil)
	if want := "checkout-1 ended by itself (exit status 3): no such colour"; err == nil || err.Error() != want {
		t.Errorf("error is %v; want %s", err, want)
	}
	if left := entries(t, filepath.Dir(cfg.Out)); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestRecordRefuses(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, cfg *Config) (want string){
		"what is invalid": func(t *testing.T, cfg *Config) string {
			cfg.Services = nil
			return "no services"
		},
		"more faults than fit": func(t *testing.T, cfg *Config) string {
			cfg.Faults = 40
			return "no schedule of 40 faults fits in 13s; ask for fewer faults or a longer recording"
		},
		"what exists": func(t *testing.T, cfg *Config) string {
			if err := os.Mkdir(cfg.Out, 0o755); err != nil {
				t.Fatal(err)
			}
			return cfg.Out + " exists; remove it, or record to another directory"
		},
		"a partial one of earlier": func(t *testing.T, cfg *Config) string {
			if err := os.Mkdir(cfg.Out+".partial", 0o755); err != nil {
				t.Fatal(err)
			}
			return cfg.Out + ".partial exists; remove it, or record to another directory"
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := smallConfig()
			cfg.Out = filepath.Join(t.TempDir(), "recording")
			want := prepare(t, &cfg)
			if _, err := Record(t.Context(), cfg, nil); err == nil || err.Error() != want {
				t.Errorf("error is %v; want %s", err, want)
			}
		})
	}
	t.Run("a parent that is a file", func(t *testing.T) {
		cfg := smallConfig()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		cfg.Out = filepath.Join(file, "recording")
		var where *fs.PathError
		if _, err := Record(t.Context(), cfg, nil); !errors.As(err, &where) {
			t.Errorf("error is %v; want one of the path", err)
		}
	})
}
