package prom

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

const small = `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{app="cart",pod="a"} 1 1000.5
requests_total{app="cart",pod="a"} 3 1010.5
requests_total{app="cart",pod="a"} 5 1020.5
# TYPE memory_bytes gauge
memory_bytes{app="a \"quoted\" one:@"} NaN 1000.5
memory_bytes{app="a \"quoted\" one:@"} +Inf 1030.5
# EOF
`

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// keep writes a file whose name says nothing of what it holds.
func keep(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *Dump {
	t.Helper()
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestOpenOpenMetrics(t *testing.T) {
	for name, content := range map[string]string{
		"plain": small, "gzip": zipped(small), "without the last line break": strings.TrimSuffix(small, "\n"),
		"a sample twice": strings.Replace(small, "# TYPE memory", "requests_total{app=\"cart\",pod=\"a\"} 5 1020.5\n# TYPE memory", 1),
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, keep(t, content))
			start, end := d.Span()
			if got, want := [2]int64{start.UnixMilli(), end.UnixMilli()}, [2]int64{1000500, 1030500}; got != want {
				t.Errorf("span %v, want %v", got, want)
			}
			if d.ScrapeInterval() != 10*time.Second {
				t.Errorf("scrape interval %s", d.ScrapeInterval())
			}
			names, err := d.Metrics(t.Context())
			if diff := cmp.Diff([]string{"memory_bytes", "requests_total"}, names); diff != "" || err != nil {
				t.Error(diff, err)
			}
			got, err := d.Range(t.Context(), "requests_total", time.Unix(1000, 0), time.Unix(1025, 0), 5*time.Second)
			want := Matrix{{map[string]string{"__name__": "requests_total", "app": "cart", "pod": "a"}, []float64{nan, 1, 1, 3, 3, 5}}}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	broken := func(old, new string) string { return strings.Replace(small, old, new, 1) }
	const progress = "samples of 2 series up to 1970-01-01T00:17:10.500Z were read before it; the dump is incomplete"
	packed := zipped(small)
	for name, c := range map[string]struct{ content, want string }{
		"nothing":             {"", "dump: the file is empty"},
		"nothing, zipped":     {zipped(""), "dump: the file is empty"},
		"comments only":       {"# TYPE a gauge\n# EOF\n", "dump: holds no sample"},
		"no end":              {broken("# EOF\n", ""), `dump:9: no "# EOF" at the end; 5 ` + progress},
		"cut in a line":       {small[:strings.Index(small, " +Inf")+3], `dump:8: the line is cut: "memory_bytes{app=\"a \\\"quoted\\\" one:@\"} +I"; 4 samples of 2 series`},
		"cut gzip":            {packed[:len(packed)-9], "the file breaks off (unexpected EOF)"},
		"cut gzip head":       {packed[:5], "dump: begins like gzip but is not: unexpected EOF"},
		"damaged gzip":        {packed[:len(packed)-8] + "00000000", "gzip: invalid checksum"},
		"gzip of gzip":        {zipped(packed), "dump:1: a binary file"},
		"text after the end":  {small + small, "dump:10: there is text after # EOF: are these several dumps"},
		"two values at once":  {broken("1010.5", "1000.5"), "dump:4: " + `{__name__="requests_total", app="cart", pod="a"}: two values at 1970-01-01T00:16:40.500Z, 1 and 3`},
		"one scrape":          {broken(" 1000.5", ""), `dump:3: requests_total{app="cart",pod="a"} has no timestamp, but others have`},
		"no number":           {broken("3 1010.5", "three 1010.5"), "dump:4: "},
		"an empty line":       {broken("# TYPE memory", "\n# TYPE memory"), "dump:6: "},
		"a picture":           {"\x89PNG\r\n\x1a\n\x00\x00", `dump:1: a binary file, starting with "\x89PNG\r\n\x1a\n"`},
		"prose":               {"Once upon a time\n", "dump:1: "},
		"JSON of another API": {`{"data": {}}`, `dump:1: the answer's status is "", not "success"`},
		"a JSON error":        {"\n\n" + `{"status":"error","error":"query timed out"}`, "query timed out"},
		"a JSON instant":      {`{"status":"success","data":{"resultType":"vector","result":[]}}`, `"vector", which is one instant`},
		"cut JSON":            {"{\"status\":\"success\",\n\"data\":{", "dump:2: the JSON is cut"},
		"bad JSON":            {"{\"status\":\n nonsense", "dump:2: not the JSON of query_range"},
		"nameless JSON":       {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[[1,"2"]]}]}}`, `result 1, {pod="a"}, has no metric name`},
		"no values in JSON":   {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[[1,2]]}]}}`, "the result is no matrix"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), keep(t, c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error: %v\nwant:  %s", err, c.want)
			}
		})
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "absent")); !os.IsNotExist(err) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, keep(t, small)); err == nil {
		t.Error("read on although its context had ended")
	}
}

// long is a dump of several pieces.
func long(samples int) string {
	var b strings.Builder
	for _, pod := range []string{"a", "b"} {
		b.WriteString("# TYPE latency histogram\n")
		for i := range samples {
			fmt.Fprintf(&b, "latency_bucket{pod=%q,le=\"1\",padding=%q} %d %d\n", pod, strings.Repeat("x", 100), i, 1000+i)
		}
	}
	return b.String()
}

func TestOpenRefusesMilliseconds(t *testing.T) {
	for _, content := range []string{"up 1 1767225600000\n# EOF\n",
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[[1767225600000,"1"]]}]}}`} {
		if _, err := read(t.Context(), "dump", strings.NewReader(content)); err == nil || !strings.Contains(err.Error(), "dump: ") || !strings.Contains(err.Error(), "are these milliseconds?") {
			t.Errorf("%q gives %v; want a word about milliseconds", content, err)
		}
	}
}

func TestOpenLongText(t *testing.T) {
	const samples = 20000
	text := long(samples)
	if len(text) < 4*pieceLength {
		t.Fatalf("%d bytes are not several pieces", len(text))
	}
	d := open(t, keep(t, text+"# EOF\n"))
	rows, err := d.Range(t.Context(), `latency_bucket`, time.Unix(1000+samples-1, 0), time.Unix(1000+samples-1, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[1].Values[0] != samples-1 || rows[0].Labels["le"] != "1.0" || rows[1].Labels["le"] != "1.0" {
		t.Errorf("%d rows: %v", len(rows), rows)
	}
	bad := text + "bad{ 1 1\n# EOF\n"
	if _, err := Open(t.Context(), keep(t, bad)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("dump:%d: ", 2*samples+3)) {
		t.Errorf("error %v, want line %d", err, 2*samples+3)
	}
	longLine := "# HELP x " + strings.Repeat("y", 2*pieceLength) + "\n" + small
	open(t, keep(t, longLine))
}

func TestOpenQueryRange(t *testing.T) {
	answer := func(pod string, first int) string {
		return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[
			{"metric":{"__name__":"up","pod":%q},"values":[[%d,"1"],[%d.5,"NaN"],[%d,"+Inf"]]}]}}`+"\n", pod, first, first+5, first+20)
	}
	text := answer("a", 1000) + answer("b", 1000) + answer("a", 1030)
	for _, content := range []string{text, zipped(text), "\n " + text} {
		d := open(t, keep(t, content))
		rows, err := d.Range(t.Context(), "up", time.Unix(1000, 0), time.Unix(1000, 0), 0)
		if err != nil || len(rows) != 2 || rows[1].Values[0] != 1 {
			t.Errorf("%v %v", rows, err)
		}
		if _, end := d.Span(); end.Unix() != 1050 {
			t.Errorf("ends at %s", end)
		}
	}
}

// writeBlocks writes the series of a situation into TSDB blocks of a minute.
func writeBlocks(t testing.TB, d *Dump, dir string) {
	t.Helper()
	edge := func(ms int64) int64 { return ms / 60000 }
	for part := edge(d.first); part <= edge(d.last); part++ {
		var in []storage.Series
		for _, s := range d.history.(*memory).series {
			var of []chunks.Sample
			for _, p := range s.points() {
				if edge(p.t) == part && p.t <= d.last {
					of = append(of, &p)
				}
			}
			if len(of) > 0 {
				in = append(in, storage.NewListSeries(s.labels, of))
			}
		}
		if len(in) == 0 {
			continue
		}
		if _, err := tsdb.CreateBlock(in, dir, 60000, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenBlocks(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x30
		requests_total{app="cart",pod="b"} 0+50x9 _x10 0+30x11
		memory_bytes{app="cart",pod="a"} 5x30`)
	dir := t.TempDir()
	writeBlocks(t, d, dir)
	if err := os.MkdirAll(filepath.Join(dir, "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	b := open(t, dir)
	for _, path := range []string{dir, filepath.Join(dir, strings.Split(before[0], string(filepath.Separator))[0])} {
		open(t, path)
	}
	if b.ScrapeInterval() != d.ScrapeInterval() {
		t.Errorf("scrape interval %s, want %s", b.ScrapeInterval(), d.ScrapeInterval())
	}
	start, end := b.Span()
	if wantStart, wantEnd := d.Span(); start != wantStart || end != wantEnd {
		t.Errorf("span %s to %s, want %s to %s", start, end, wantStart, wantEnd)
	}
	// An import leaves no stale markers in blocks: there the lookback ends a series.
	if want := silence(d.ScrapeInterval()); b.Lookback != want {
		t.Errorf("a sample counts for %s, want %s as in a text", b.Lookback, want)
	}
	s := shop(t)
	if diff := cmp.Diff(gather(t, d, s, span10(40, 300)), gather(t, b, s, span10(40, 300)), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("reading changed the folder: %s", diff)
	}
}

func listing(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOpenFoldersWithoutBlocks(t *testing.T) {
	dir := t.TempDir()
	refused := func(want string) {
		t.Helper()
		if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	refused("no TSDB block in this folder")
	os.Mkdir(filepath.Join(dir, "wal"), 0o700)
	refused("take a snapshot")
	block := filepath.Join(dir, "01")
	os.Mkdir(block, 0o700)
	meta, _ := json.Marshal(map[string]any{"version": 1})
	os.WriteFile(filepath.Join(block, "meta.json"), meta, 0o600)
	refused("the block is incomplete")
	os.WriteFile(filepath.Join(block, "meta.json"), []byte("{"), 0o600)
	refused("unexpected end of JSON")
}

// A series that is scraped more rarely than the others is no dead series.
func TestEverySeriesHasItsOwnPulse(t *testing.T) {
	m := newMemory()
	for name, every := range map[string]int64{"fast": 1000, "slow": 60000} {
		s := m.open(labels.FromStrings(model.MetricNameLabel, name))
		for at := int64(0); at <= 600_000; at += every {
			if name == "fast" && at > 300_000 {
				break
			}
			if err := m.add(s, at, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.seal(); err != nil {
		t.Fatal(err)
	}
	d := newDump(m, m.first, m.last, m.interval, m.slowest, nil)
	for name, want := range map[string][]float64{"slow": {1, 1, 1, 1, 1}, "fast": {1, 1, nan, nan, nan}} {
		rows, err := d.Range(t.Context(), name, time.Unix(297, 0), time.Unix(313, 0), 4*time.Second)
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if diff := cmp.Diff(want, rows[0].Values, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, seed := range []string{small, zipped(small), squeezed(small), smallProm, smallExport, smallAnswer, strings.ReplaceAll(smallProm, "\n", "\r\n"), "up 1\n", "up 1\nup 1\n", "",
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"a"},"histograms":[[1,{"count":"3","sum":"3","buckets":[[0,"1","2","3"]]}]]}]}}`, "{", `{"up", a="b"} 1 1` + "\n# EOF", "# EOF\n", "a 1 1\n# EOF\n\n",
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[[1,"1"]]}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := read(t.Context(), "dump", bytes.NewReader(content))
		if err != nil {
			if d != nil {
				t.Error("a dump beside an error")
			}
			return
		}
		if start, end := d.Span(); end.Before(start) {
			t.Errorf("span %s to %s", start, end)
		}
		if names, err := d.Metrics(t.Context()); err != nil || len(names) == 0 {
			t.Errorf("names %v, %v", names, err)
		}
	})
}
