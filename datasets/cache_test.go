package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets/sheet"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// sameBits compares windows, and tells one NaN from another.
var sameBits = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

// counting counts what it is asked, and breaks after a number of questions.
type counting struct {
	prom.Source
	asked  atomic.Int64
	breaks int64 // 0: never
}

func (c *counting) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (prom.Matrix, error) {
	if n := c.asked.Add(1); c.breaks > 0 && n > c.breaks {
		return nil, errors.New("killed")
	}
	return c.Source.Range(ctx, expr, start, end, step)
}

func (c *counting) Metrics(ctx context.Context) ([]string, error) {
	c.asked.Add(1)
	return c.Source.Metrics(ctx)
}

// bumpy has a latency of its own at every scrape, and endpoint 1 is not there
// for a while.
func bumpy(e int, at time.Duration) float64 {
	return 0.1*float64(e+1) + 0.01*math.Sin(at.Seconds())
}

func testCache(t *testing.T) *Cache {
	t.Helper()
	return &Cache{Directory: t.TempDir(), Limit: 1 << 30, Now: time.Now, Encode: sheet.Encode, Decode: sheet.Decode, Tell: func(text string) { t.Log(text) }}
}

// walkThrough takes the windows of a walk over src, through an entry.
func walkThrough(t *testing.T, r *Recording, src prom.Source, c *Cache, q prom.Query) ([]mesh.Window, error) {
	t.Helper()
	r.Cache = c
	kept := r.asked(t.Context(), q)
	walk, err := prom.NewWalk(src, r.Schema, q)
	if err != nil {
		t.Fatal(err)
	}
	var all []mesh.Window
	for {
		s, err := kept.next(t.Context(), walk)
		all = append(all, s.Windows...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// longWalk has several slices: a window a second.
func longWalk(r *Recording) prom.Query {
	return r.query(mesh.Timing{Step: time.Second, Range: 20 * time.Second, Delay: 5 * time.Second})
}

func TestSecondWalkAsksNothing(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	q := longWalk(r)
	want, err := walkThrough(t, r, r.Dump, nil, q)
	if err != nil || len(want) < 500 {
		t.Fatal(len(want), err)
	}
	c := testCache(t)
	for turn := range 2 {
		src := &counting{Source: r.Dump}
		got, err := walkThrough(t, r, src, c, q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameBits); diff != "" {
			t.Fatalf("turn %d: %s", turn, diff)
		}
		if n := src.asked.Load(); (n == 0) != (turn == 1) {
			t.Errorf("turn %d asked %d times", turn, n)
		}
	}
}

func TestKilledWalkGoesOn(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	q := longWalk(r)
	want, err := walkThrough(t, r, r.Dump, nil, q)
	if err != nil {
		t.Fatal(err)
	}
	whole := &counting{Source: r.Dump}
	if _, err := walkThrough(t, r, whole, testCache(t), q); err != nil {
		t.Fatal(err)
	}
	c := testCache(t)
	first := &counting{Source: r.Dump, breaks: whole.asked.Load() / 2}
	if _, err := walkThrough(t, r, first, c, q); err == nil {
		t.Fatal("the walk did not break")
	}
	second := &counting{Source: r.Dump}
	got, err := walkThrough(t, r, second, c, q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameBits); diff != "" {
		t.Fatal(diff)
	}
	if n := second.asked.Load(); n == 0 || n >= whole.asked.Load() {
		t.Errorf("the second walk asked %d times; one without a first asks %d times", n, whole.asked.Load())
	}
}

// files lists the files of all entries.
func cached(t *testing.T, c *Cache) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.Directory, layout, "*", "*"+ending))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDamagedFilesAreAskedForAnew(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"empty":   func([]byte) []byte { return nil },
		"a bit":   func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/3] ^= 4; return b },
		"foreign": func([]byte) []byte { return []byte("PAR1 not at all PAR1") },
	} {
		t.Run(name, func(t *testing.T) {
			r := openTest(t, writeRecording(t, bumpy, nil))
			q := longWalk(r)
			c := testCache(t)
			want, err := walkThrough(t, r, r.Dump, c, q)
			if err != nil {
				t.Fatal(err)
			}
			files := cached(t, c)
			if len(files) < 3 {
				t.Fatalf("%d files; want several slices", len(files))
			}
			for _, path := range files[1:3] {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			told := 0
			c.Tell = func(string) { told++ }
			got, err := walkThrough(t, r, r.Dump, c, q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameBits); diff != "" {
				t.Error(diff)
			}
			if told != 1 {
				t.Errorf("told %d times; want once", told)
			}
			src := &counting{Source: r.Dump}
			if _, err := walkThrough(t, r, src, c, q); err != nil || src.asked.Load() > 0 {
				t.Errorf("asked %d times after it was mended, error %v", src.asked.Load(), err)
			}
		})
	}
}

// TestWhatChangesTheQuestion changes one thing at a time.
func TestWhatChangesTheQuestion(t *testing.T) {
	dir := writeRecording(t, bumpy, nil)
	c := testCache(t)
	count := func(change string, timing mesh.Timing) {
		t.Helper()
		before := len(cached(t, c))
		r := openTest(t, dir)
		r.Cache = c
		for _, err := range r.Windows(t.Context(), timing) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if asked := len(cached(t, c)) > before; asked != (change != "") {
			t.Errorf("after changing %q: asked anew: %v", change, asked)
		}
	}
	replace := func(name, from, to string) {
		t.Helper()
		path := filepath.Join(dir, name)
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), from) {
			t.Fatal(err, from)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err) // the same size and time as before
		}
	}
	timing := openTest(t, dir).Timing(0, 0)
	count("all", timing)
	count("", timing)
	replace("metrics.om", `requests_total{service="shop",endpoint="e1"} 600 `, `requests_total{service="shop",endpoint="e1"} 700 `)
	count("a sample", timing)
	count("", timing)
	replace("schema.yaml", "avg_over_time(latency_seconds[$range])", "min_over_time(latency_seconds[$range])")
	count("the schema", timing)
	replace("schema.yaml", "name: tiny", "name: teen")
	count("", timing)
	timing.Step = 5 * time.Second
	count("the step", timing)
	timing.Range = 30 * time.Second
	count("the range", timing)
	timing.Delay = 10 * time.Second
	count("the delay", timing)
	timing.Horizon = 2 * time.Minute
	count("", timing)
}

func TestChangedWhileOpenIsNotKept(t *testing.T) {
	dir := writeRecording(t, bumpy, nil)
	r := openTest(t, dir)
	path := filepath.Join(dir, "metrics.om")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "# EOF", "# HELP requests Counted\n# EOF", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	c, told := testCache(t), ""
	c.Tell = func(text string) { told += text }
	r.Cache = c
	for _, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(cached(t, c)) > 0 || !strings.Contains(told, "has changed since it was opened") {
		t.Errorf("%d files, told %q", len(cached(t, c)), told)
	}
}

func TestPairsComeFromTheCacheToo(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	take := func() (all []Pair) {
		for pair, err := range r.Pairs(t.Context(), r.Timing(0, 0), features.New(features.DefaultConfig())) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pair)
		}
		return all
	}
	want := take()
	r.Cache = testCache(t)
	first := take()
	n := len(cached(t, r.Cache))
	second := take()
	for _, got := range [][]Pair{first, second} {
		if diff := cmp.Diff(fmt.Sprint(len(want), want[7].After, want[9].Frame.X), fmt.Sprint(len(got), got[7].After, got[9].Frame.X)); diff != "" {
			t.Error(diff)
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(r.Cache.Directory, layout, "*")); len(entries) != 2 || n != len(cached(t, r.Cache)) {
		t.Errorf("%d entries, %d and then %d files; want an entry for the windows and one for what came after", len(entries), n, len(cached(t, r.Cache)))
	}
}

func TestTwoWalksAtOnce(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	q := longWalk(r)
	want, err := walkThrough(t, r, r.Dump, nil, q)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		// A process has a recording and a cache of its own.
		own := openTest(t, r.Path)
		c := &Cache{Directory: dir, Limit: 1 << 30, Now: time.Now, Encode: sheet.Encode, Decode: sheet.Decode, Tell: func(text string) { t.Error(text) }}
		group.Go(func() {
			got, err := walkThrough(t, own, own.Dump, c, q)
			if err != nil {
				t.Error(err)
			}
			for i := range got {
				got[i].Schema = want[i].Schema
			}
			if diff := cmp.Diff(want, got, sameBits); diff != "" {
				t.Error(diff)
			}
		})
	}
	group.Wait()
}

func TestUnwritableCacheIsDoneWithout(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	told := 0
	r.Cache = &Cache{Directory: filepath.Join(file, "below"), Limit: 1 << 30, Now: time.Now, Encode: sheet.Encode, Decode: sheet.Decode, Tell: func(string) { told++ }}
	for turn := range 2 {
		n := 0
		for _, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n == 0 || told != 1 {
			t.Errorf("turn %d: %d windows, told %d times", turn, n, told)
		}
	}
}

func TestOldestEntriesMakeRoom(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	c := testCache(t)
	clock := testStart
	c.Now = func() time.Time { clock = clock.Add(time.Hour); return clock }
	walk := func(seconds int) string {
		t.Helper()
		q := longWalk(r)
		q.Step = time.Duration(seconds) * time.Second
		before := cached(t, c)
		if _, err := walkThrough(t, r, r.Dump, c, q); err != nil {
			t.Fatal(err)
		}
		for _, path := range cached(t, c) {
			if !strings.Contains(strings.Join(before, " "), path) {
				return filepath.Dir(path)
			}
		}
		return ""
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	a, b := walk(20), walk(30)
	walk(20) // used again
	c.Limit = sizeOf(a) + sizeOf(b)
	d := walk(40)
	if !exists(a) || exists(b) || !exists(d) {
		t.Errorf("the one used again is there: %v, the older one: %v, the new one: %v", exists(a), exists(b), exists(d))
	}
	c.Limit = 10
	told := ""
	c.Tell = func(text string) { told += text }
	if e := walk(50); e != "" || !strings.Contains(told, "alone needs more") {
		t.Errorf("kept %q, told %q", e, told)
	}
}

// A history that is still being written: what lies at its end may yet change.
func TestUnsettledSlicesAreNotKept(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	c := testCache(t)
	q := longWalk(r)
	settled := q.Start.Add(150 * time.Second)
	kept := c.open(question{Content: "remote", settled: settled}, r.Schema)
	walk, err := prom.NewWalk(r.Dump, r.Schema, q)
	if err != nil {
		t.Fatal(err)
	}
	slices := 0
	for ; err == nil; slices++ {
		_, err = kept.next(t.Context(), walk)
	}
	if n := len(cached(t, c)); n == 0 || n >= slices-1 {
		t.Errorf("%d of %d slices are kept; want those before %s", n, slices, settled)
	}
}

// FuzzKeptFile puts anything at all in the place of a kept file. Only its own
// bytes are believed: a Parquet reader is not made for bytes that somebody
// damaged, so none are shown to it.
func FuzzKeptFile(f *testing.F) {
	schema := &mesh.Schema{Name: "tiny", Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: "service"}}}
	w := mesh.Window{
		Service: "shop", Schema: schema, Time: testStart, End: testStart.Add(-time.Second), Start: testStart.Add(-time.Minute),
		Endpoints: []mesh.Endpoint{{Name: "a", Subset: "v1", Zone: "z", Address: "10.0.0.1:80"}, {Name: "b"}},
		Values:    []float64{1, math.NaN(), math.Float64frombits(0x7ff8dead00000001), math.Copysign(0, -1)}, Requests: []float64{1, math.Inf(1)},
	}
	s := prom.Slice{Start: testStart, Next: testStart.Add(time.Minute), Windows: []mesh.Window{w}, Memory: []byte("{}")}
	original, err := sheet.Encode(s, schema)
	if err != nil {
		f.Fatal(err)
	}
	e := &entry{cache: &Cache{Decode: sheet.Decode}, folder: f.TempDir(), schema: schema}
	path := filepath.Join(e.folder, prefix(s.Start)+digestOf(original)+ending)
	f.Add(original)
	f.Add(original[:len(original)/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := e.read(path)
		if (err == nil) != bytes.Equal(content, original) {
			t.Fatalf("%d bytes are read with error %v", len(content), err)
		}
		if err == nil {
			if diff := cmp.Diff(s, got, sameBits); diff != "" {
				t.Error(diff)
			}
		}
	})
}
