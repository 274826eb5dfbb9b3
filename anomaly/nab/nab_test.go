package nab

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// benchmark finds the development copy of NAB. Without it the test is skipped,
// except on CI.
func benchmark(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "nab")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the benchmark is missing: %v", err)
		}
		t.Skipf("no copy of the benchmark: %v", err)
	}
	return dir
}

// TestPublished gives the published detector its published score of each file.
func TestPublished(t *testing.T) {
	dir := benchmark(t)
	corpus, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, "detector_scores.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]float64{}
	for _, row := range rows {
		if row[0] == "windowedGaussian" && row[1] == "standard" {
			if published[row[2]], err = strconv.ParseFloat(row[4], 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	var scores [][]float64
	for i := range corpus {
		s := &corpus[i]
		scores = append(scores, WindowedGaussian(s))
		want, ok := published[s.Name]
		if got := Standard.At(s, scores[i], 1).Raw; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v; published is %v", s.Name, got, want)
		}
	}
	if got := Standard.Final(Standard.Sweep(corpus, scores)); math.Abs(got-41.67) > 0.005 {
		t.Errorf("the windowed Gaussian scores %.3f; published is 41.67", got)
	}
}

// TestEvaluate holds the detector to what it was shown to reach.
func TestEvaluate(t *testing.T) {
	dir := benchmark(t)
	if testing.Short() || raceEnabled {
		t.Skip("takes long")
	}
	r, err := Evaluate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Series != 39 || r.Windows != 82 {
		t.Errorf("%d series with %d windows; want 39 with 82", r.Series, r.Windows)
	}
	if r.Standard.Score < 75 || r.CrossFit < 72 {
		t.Errorf("standard %.2f, cross-fit %.2f; want at least 75 and 72", r.Standard.Score, r.CrossFit)
	}
	if r.Fixed.Score > r.Standard.Score {
		t.Errorf("a threshold chosen on nothing scores %.2f, the best one %.2f", r.Fixed.Score, r.Standard.Score)
	}
}

// small writes a benchmark of one series that jumps, in a directory of its own.
func small(t *testing.T, labels string) string {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("timestamp,value\n")
	for i := range 400 {
		v := math.Sin(float64(i))
		if i >= 300 {
			v += 50
		}
		fmt.Fprintf(&rows, "2026-01-%02d %02d:%02d:00,%g\n", 1+i/24/12, i/12%24, i%12*5, v)
	}
	for name, text := range map[string]string{"data/a/jump.csv": rows.String(), "labels/combined_windows.json": labels} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvaluateSmall(t *testing.T) {
	dir := small(t, `{"a/jump.csv": [["2026-01-02 00:50:00.000000", "2026-01-02 02:00:00.000000"]]}`)
	r, err := Evaluate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Series != 1 || r.Windows != 1 || math.Abs(r.Days-399*5/60.0/24) > 1e-9 {
		t.Errorf("%d series, %d windows, %v days; want 1, 1, %v", r.Series, r.Windows, r.Days, 399*5/60.0/24)
	}
	if r.Standard.Hit != 1 || r.Standard.False != 0 || r.Standard.Score < 70 || r.Standard.Precision != 1 {
		t.Errorf("a jump scores %+v; want it found, and nothing else", r.Standard)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by its context it says %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for labels, want := range map[string]string{
		`[]`:                                "combined_windows.json",
		`{"b.csv": []}`:                     "b.csv",
		`{"a/jump.csv": [["now"]]}`:         "first and its last",
		`{"a/jump.csv": [["now", "then"]]}`: "timestamp \"now\"",
		`{"a/jump.csv": [["2026-01-01 00:00:00", "then"]]}`:                                                                "timestamp \"then\"",
		`{"a/jump.csv": [["2027-01-01 00:00:00", "2027-01-01 00:00:00"]]}`:                                                 "no row from",
		`{"a/jump.csv": [["2026-01-01 00:00:00", "2026-01-01 01:00:00"], ["2026-01-01 01:00:00", "2026-01-01 02:00:00"]]}`: "before the last one ends",
	} {
		if _, err := Load(small(t, labels)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("labels %s: %v; want %q", labels, err, want)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	for text, want := range map[string]string{
		"timestamp,value\n2026-01-01,1\n":            "line 2: timestamp",
		"timestamp,value\n2026-01-01 00:00:00,x\n":   "line 2: value",
		"timestamp,value\n2026-01-01 00:00:00,1,2\n": "wrong number of fields",
	} {
		if _, err := read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// FuzzRead: a file is read or refused.
func FuzzRead(f *testing.F) {
	f.Add("timestamp,value\n2026-01-01 00:00:00,1\n")
	f.Add("timestamp,value\n\"2026-01-01 00:00:00\",NaN\nx")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := read(strings.NewReader(text))
		if err == nil && len(s.Times) != len(s.Values) {
			t.Fatalf("%d times and %d values", len(s.Times), len(s.Values))
		}
	})
}
