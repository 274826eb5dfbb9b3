package benchmark

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/anomaly"
)

func TestAveragePrecision(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		scores    []float64
		positive  []bool
		ap, auroc float64
	}{
		"perfect":        {[]float64{3, 2, 1}, []bool{yes, no, no}, 1, 1},
		"worst":          {[]float64{1, 2, 3, 4}, []bool{yes, no, no, no}, 0.25, 0},
		"by hand":        {[]float64{4, 3, 2, 1}, []bool{yes, no, yes, no}, 0.5 + 0.5*2/3, 0.75},
		"all tied":       {[]float64{1, 1, 1, 1}, []bool{yes, no, no, no}, 0.25, 0.5},
		"tied with one":  {[]float64{2, 2, 1}, []bool{yes, no, no}, 0.5, 0.75},
		"no positive":    {[]float64{2, 1}, []bool{no, no}, 0, 0.5},
		"only positives": {[]float64{2, 1}, []bool{yes, yes}, 1, 0.5},
		"nothing":        {nil, nil, 0, 0.5},
	} {
		if ap := AveragePrecision(c.scores, c.positive); math.Abs(ap-c.ap) > 1e-12 {
			t.Errorf("%s: average precision %v, want %v", name, ap, c.ap)
		}
		if a := AUROC(c.scores, c.positive); math.Abs(a-c.auroc) > 1e-12 {
			t.Errorf("%s: AUROC %v, want %v", name, a, c.auroc)
		}
	}
}

// TestAbsent: each benchmark says which file it misses.
func TestAbsent(t *testing.T) {
	empty := t.TempDir()
	for name, run := range map[string]func() error{
		"machine-":  func() error { _, err := SMD(t.Context(), empty); return err },
		"*.om.gz":   func() error { _, err := Nezha(t.Context(), empty); return err },
		"*-normal.": func() error { _, err := PetShop(t.Context(), empty); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), empty) {
			t.Errorf("an empty folder gives %v; want %s and the folder", err, name)
		}
	}
}

func TestTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edges.csv")
	for text, want := range map[string]string{
		"a,b\n1,2\n":     "column c",
		"a,b,c\n":        "no row",
		"":               "no row",
		"a,b,c\n1,2\n":   "wrong number of fields",
		"a,b,c\n1,2,3\n": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		rows, err := table(path, "a", "c")
		if want == "" {
			if err != nil || len(rows) != 1 || rows[0]["c"] != "3" {
				t.Errorf("%q: %v, %v", text, rows, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v; want %s and the path", text, err, want)
		}
	}
}

// TestTrailLooksBack: what is recent is not yet past, and a gap is no value.
func TestTrailLooksBack(t *testing.T) {
	tr := trail{keep: 2}
	for range 50 {
		tr.push(1, 0.1, 100)
		tr.push(3, 0.1, 100)
	}
	if d := tr.distance(0.1); math.Abs(d) > 0.1 {
		t.Errorf("as ever: %v", d)
	}
	before := tr.level
	tr.push(9, 0.1, 100)
	tr.push(math.NaN(), 0.1, 100)
	if d := tr.distance(0.1); math.Abs(d-7) > 0.5 {
		t.Errorf("9 against a mean of 2 and a scale of 1 is %v scales away", d)
	}
	if tr.level.N != before.N+2 || tr.level.Mean > 2.5 {
		t.Errorf("the recent became past: %+v", tr.level)
	}
	empty := trail{keep: 3}
	if empty.distance(1) != 0 {
		t.Error("nothing is at a distance")
	}
}

func TestRank(t *testing.T) {
	suspects := []anomaly.Suspect{{Index: 4}, {Index: 2}}
	if rank(suspects, 2) != 2 || rank(suspects, 9) != 0 {
		t.Errorf("places %d and %d", rank(suspects, 2), rank(suspects, 9))
	}
}

func FuzzSegment(f *testing.F) {
	f.Add("4629-4688:9,10,11")
	f.Add("5-4:1")
	f.Add("1-2:0")
	f.Fuzz(func(t *testing.T, line string) {
		s, err := parseSegment(line)
		if err == nil && (s.first < 0 || s.last < s.first || len(s.blamed) == 0 || s.blamed[-1]) {
			t.Fatalf("%q gives %+v", line, s)
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add("t,m00,label\n0,0.5,1\n60,,0\n")
	f.Add("t\n1\n")
	f.Add("a,b\n\"1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		width := -1
		_ = readRows(context.Background(), "x", strings.NewReader(text), func(values []float64, _ bool) {
			if width >= 0 && len(values) != width {
				t.Fatalf("a row of %d values after one of %d", len(values), width)
			}
			width = len(values)
		})
		rows, err := readTable("x", strings.NewReader(text), nil)
		if err == nil && len(rows) == 0 {
			t.Fatal("neither rows nor an error")
		}
	})
}
