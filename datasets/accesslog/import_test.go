package accesslog

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// steady has two requests a second to a, 100 ms each, one in ten of them
// without an answer in time, and one a second to b, of 400 ms, from second 0 to
// before 120. b's are logged after later ones of a.
func steady(t *testing.T) string {
	var lines []string
	for i := range 240 {
		line := haproxyAt(float64(i)/2, 100, "a")
		if i%10 == 9 {
			line = strings.Replace(line, " 200 1 ", " 504 1 ", 1)
		}
		if lines = append(lines, line); i%2 == 1 {
			lines = append(lines, haproxyAt(float64(i/2), 400, "b"))
		}
	}
	return file(t, "access.log", text(append(lines, "not a line", strings.Replace(haproxyAt(119.9, 1, "x"), "shop/x", "shop/<NOSRV>", 1))...))
}

func imported(t *testing.T, cfg ImportConfig, paths ...string) (*datasets.Recording, *Tally) {
	t.Helper()
	cfg.Out = filepath.Join(t.TempDir(), "out")
	tally, err := Import(t.Context(), cfg, paths...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := datasets.Open(t.Context(), cfg.Out, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() }) // read only
	return r, tally
}

// TestImport checks the windows of a log whose rates and latencies are known.
func TestImport(t *testing.T) {
	cfg := DefaultImportConfig()
	cfg.Deadline = time.Second
	r, tally := imported(t, cfg, steady(t))
	if s := tally.Sum(); s.Requests != 360 || s.Failed != 24 || s.Bad != 1 || s.Nowhere != 1 || s.Late != 0 {
		t.Errorf("%+v", s)
	}
	m := r.Manifest
	if m.Schema != "accesslog" || !m.Start.Equal(date("00:00:00")) || !m.End.Equal(date("00:02:00")) || m.ScrapeInterval() != 5*time.Second || len(m.Services) != 1 {
		t.Errorf("%+v", m)
	}
	if notes := strings.Join(m.Notes, "\n"); !strings.Contains(notes, "computed from the access log alone") || !strings.Contains(notes, "1 bad lines") {
		t.Errorf("the notes are %s", notes)
	}
	windows := 0
	for w, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		windows++
		if len(w.Endpoints) != 2 || w.Service != "shop" || w.Endpoints[0].Name != "a" {
			t.Fatalf("%s: %+v", w.Service, w.Endpoints)
		}
		for i, want := range []map[string]float64{
			{mesh.RequestRate: 2, mesh.ErrorRatio: 0.1, mesh.LatencyMean: 0.1, mesh.InFlight: 1, mesh.Up: math.NaN()},
			{mesh.RequestRate: 1, mesh.ErrorRatio: 0, mesh.LatencyMean: 0.4, mesh.InFlight: 1, mesh.Up: math.NaN()},
		} {
			for name, x := range want {
				if got := w.At(i, name); math.Abs(got-x) > 0.06*x || math.IsNaN(got) != math.IsNaN(x) {
					t.Errorf("%s: %s of %s is %v; want %v", w.Time, name, w.Endpoints[i].Name, got, x)
				}
			}
			if p50, mean := w.At(i, mesh.LatencyP50), want[mesh.LatencyMean]; p50 > mean || p50 < mean*0.6 {
				t.Errorf("the median of %s is %v", w.Endpoints[i].Name, p50)
			}
		}
	}
	if windows < 8 {
		t.Errorf("%d windows", windows)
	}
	n := 0
	last := time.Time{}
	for q, err := range r.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; !math.IsNaN(q.Propensity) || q.Deadline != time.Second || q.Time.Before(last) {
			t.Errorf("%+v", q)
		}
		last = q.Time
	}
	if n != 360 {
		t.Errorf("%d requests are in the log", n)
	}
}

// TestImportTwice: the same log gives the same bytes, packed or in two files.
func TestImportTwice(t *testing.T) {
	whole := steady(t)
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	first, second := file(t, "a.log", strings.Join(lines[:180], "")), file(t, "a.log.1", strings.Join(lines[180:], ""))
	var seen [][]byte
	for _, paths := range [][]string{{whole}, {whole}, {second, first}} {
		r, _ := imported(t, DefaultImportConfig(), paths...)
		for i, name := range []string{"requests.csv.gz", "metrics.om.gz"} {
			got, err := os.ReadFile(filepath.Join(r.Path, name))
			if err != nil {
				t.Fatal(err)
			}
			if seen = append(seen, got); len(seen) > 2 && !bytes.Equal(got, seen[i]) {
				t.Errorf("%s of %v differs", name, paths)
			}
		}
	}
}

// TestImportLeavesNothing where it fails, and takes nobody's place.
func TestImportLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultImportConfig()
	cfg.Out = filepath.Join(dir, "out")
	bad := file(t, "bad.log", text(haproxyAt(1, 1, "a"), "x", "y"))
	if _, err := Import(t.Context(), cfg, bad); err == nil || !strings.Contains(err.Error(), "could not be read") {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ended, cfg, steady(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	decades := cfg
	decades.Scrape = 100 * time.Millisecond
	far := text(haproxyAt(1, 1, "a"), haproxyAt(2, 1, "a"), haproxyAt(2e8, 1, "a"), haproxyAt(2e8+1, 1, "a"))
	if _, err := Import(t.Context(), decades, file(t, "far.log", far)); err == nil || !strings.Contains(err.Error(), "is the time of one line wrong?") {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := Import(t.Context(), cfg, steady(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), cfg, steady(t)); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Error(err)
	}
	if stat, err := os.Stat(cfg.Out); err != nil || stat.Mode().Perm() != 0o755 {
		t.Error(stat, err)
	}
	cfg.Out = filepath.Join(dir, "no", "out")
	if _, err := Import(t.Context(), cfg, steady(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestConfigs(t *testing.T) {
	for want, change := range map[string]func(*ImportConfig){
		"directory":    func(c *ImportConfig) { c.Out = "" },
		"samples":      func(c *ImportConfig) { c.Scrape = time.Millisecond },
		"haproxy-json": func(c *ImportConfig) { c.Format = "apache" },
		"nginx's":      func(c *ImportConfig) { c.Format, c.LogFormat = "haproxy", NginxLogFormat },
		"$":            func(c *ImportConfig) { c.LogFormat = "$msec" },
		"zone":         func(c *ImportConfig) { c.Location = nil },
		"deadline":     func(c *ImportConfig) { c.Deadline = -1 },
		"window":       func(c *ImportConfig) { c.Window = 0 },
	} {
		c := DefaultImportConfig()
		c.Out = "x"
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an error about %q", err, want)
		}
	}
}
