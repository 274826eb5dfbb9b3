package prom

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// nativeBlock writes ten minutes of native histograms, one every 10 s, of two
// pods; that of b begins anew after five minutes.
func nativeBlock(t testing.TB, dir string) {
	t.Helper()
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, 2*time.Hour.Milliseconds())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	app := w.Appender(t.Context())
	for i := range int64(60) {
		for pod, n := range map[string]int64{"a": i * i, "b": i % 30} {
			l := labels.FromStrings(model.MetricNameLabel, "latency_seconds", "pod", pod)
			at := dawn.UnixMilli() + i*10_000
			if _, err := app.AppendHistogram(0, l, at, tsdbutil.GenerateTestHistogram(n), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var nativeQueries = []string{
	"histogram_quantile(0.9, latency_seconds)",
	"histogram_quantile(0.5, sum(rate(latency_seconds[1m])))",
	"histogram_count(rate(latency_seconds[1m]))",
	"histogram_sum(rate(latency_seconds[1m])) / histogram_count(rate(latency_seconds[1m]))",
	"histogram_fraction(0, 1, increase(latency_seconds[2m]))",
}

// Native histograms of a block, and the same as query_range JSON of a real
// Prometheus over this block, give the same values, bit for bit.
func TestNativeHistograms(t *testing.T) {
	dir := t.TempDir()
	nativeBlock(t, dir)
	blocks := open(t, dir)
	server, _ := serveBlocks(t, dir, false)
	q := url.Values{"query": {"latency_seconds[1h]"}, "time": {"2026-03-01T06:30:00Z"}}
	text := get(t, server+"/api/v1/query?"+q.Encode())
	if !strings.Contains(text, `"histograms"`) {
		t.Fatalf("no native histograms from the server: %.300s", text)
	}
	answer := open(t, keep(t, text))
	for _, query := range nativeQueries {
		want, err := blocks.Range(t.Context(), query, dawn.Add(time.Minute), dawn.Add(10*time.Minute), 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got, err := answer.Range(t.Context(), query, dawn.Add(time.Minute), dawn.Add(10*time.Minute), 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		known := 0
		for _, row := range got {
			for _, v := range row.Values {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					known++
				}
			}
		}
		if len(got) == 0 || known < 30 {
			t.Errorf("%s: %d rows, %d values: want values", query, len(got), known)
		}
	}
	// The engine computes in place: it must not have changed what we keep.
	again, err := answer.Range(t.Context(), nativeQueries[1], dawn.Add(5*time.Minute), dawn.Add(5*time.Minute), 0)
	first, err2 := blocks.Range(t.Context(), nativeQueries[1], dawn.Add(5*time.Minute), dawn.Add(5*time.Minute), 0)
	if diff := cmp.Diff(first, again); diff != "" || err != nil || err2 != nil {
		t.Error(diff, err, err2)
	}
}

// inJSON is a native histogram as the HTTP API shows it.
func inJSON(h *histogram.FloatHistogram) *model.SampleHistogram {
	j := &model.SampleHistogram{Count: model.FloatString(h.Count), Sum: model.FloatString(h.Sum)}
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		kind := map[[2]bool]int32{{true, true}: 3, {true, false}: 1, {false, true}: 0, {false, false}: 2}[[2]bool{b.LowerInclusive, b.UpperInclusive}]
		if b.Count != 0 {
			j.Buckets = append(j.Buckets, &model.HistogramBucket{Boundaries: kind, Lower: model.FloatString(b.Lower), Upper: model.FloatString(b.Upper), Count: model.FloatString(b.Count)})
		}
	}
	return j
}

func TestNativeAtEverySchema(t *testing.T) {
	for schema := int32(-4); schema <= 8; schema++ {
		far := int32(math.Ldexp(1000, int(schema))) + 1
		h := &histogram.FloatHistogram{
			Schema: schema, Count: 20, Sum: 5, ZeroThreshold: math.Ldexp(1, -1020), ZeroCount: 1,
			PositiveSpans: []histogram.Span{{Offset: -far, Length: 2}, {Offset: far - 2, Length: 3}, {Offset: far - 4, Length: 1}}, PositiveBuckets: []float64{1, 2, 3, 1, 2, 1},
			NegativeSpans: []histogram.Span{{Offset: 3, Length: 2}}, NegativeBuckets: []float64{4, 5},
		}
		if schema < 0 { // the bounds would leave the numbers
			h.PositiveSpans, h.PositiveBuckets = []histogram.Span{{Offset: -2, Length: 5}}, []float64{1, 2, 3, 2, 2}
		}
		text, err := json.Marshal(inJSON(h))
		if err != nil {
			t.Fatal(err)
		}
		var j model.SampleHistogram
		if err := json.Unmarshal(text, &j); err != nil {
			t.Fatal(err)
		}
		got, err := native(&j)
		if err != nil || got.Schema != schema || !got.Equals(h) {
			t.Errorf("schema %d: %s, %v; want %s", schema, got, err, h)
		}
	}
}

// Where the zero bucket cuts into a bucket, the JSON shows what is left of it.
func TestNativeBesideTheZeroBucket(t *testing.T) {
	for _, buckets := range [][]float64{{1}, {1, 2}} {
		h := &histogram.FloatHistogram{
			Schema: 2, Count: 5, Sum: 5, ZeroThreshold: 0.001, ZeroCount: 1,
			PositiveSpans: []histogram.Span{{Offset: -39, Length: uint32(len(buckets))}}, PositiveBuckets: buckets,
		}
		j := inJSON(h)
		got, err := native(j)
		if err != nil || got.Schema < h.Schema || !cmp.Equal(inJSON(got), j) {
			t.Errorf("%s, %v; want %s", got, err, h)
		}
		if len(buckets) == 2 && !got.Equals(h) {
			t.Errorf("%s, want %s", got, h)
		}
	}
}

func TestNativeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ histogram, want string }{
		"custom buckets":   {`{"count":"3","sum":"3","buckets":[[0,"1","5","3"]]}`, "is not exponential; custom buckets are read from TSDB blocks only"},
		"a first custom":   {`{"count":"3","sum":"3","buckets":[[3,"-Inf","5","3"]]}`, "is not exponential"},
		"null":             {`{"count":"3","sum":"3","buckets":[null]}`, "null"},
		"descending":       {`{"count":"3","sum":"3","buckets":[[0,"2","4","1"],[0,"1","2","2"]]}`, "no native histogram"},
		"two resolutions":  {`{"count":"3","sum":"3","buckets":[[0,"1","2","1"],[0,"4","16","2"]]}`, "is not exponential"},
		"a negative count": {`{"count":"3","sum":"3","buckets":[[0,"1","2","-3"]]}`, "no native histogram"},
		"no numbers":       {`{"count":"NaN","sum":"NaN","buckets":[[0,"NaN","NaN","NaN"]]}`, "is not exponential"},
		"infinite":         {`{"count":"1","sum":"1","buckets":[[0,"+Inf","+Inf","1"]]}`, "is not exponential"},
	} {
		text := `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"a"},"histograms":[[1,` + c.histogram + `]]}]}}`
		_, err := read(t.Context(), "dump", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// Histograms and numbers of one series may come in any order.
func TestHistogramsOutOfOrder(t *testing.T) {
	m := newMemory()
	s := m.open(labels.FromStrings(model.MetricNameLabel, "a"))
	add := func(at int64, n int64) error { return m.addHistogram(s, at, tsdbutil.GenerateTestFloatHistogram(n)) }
	for _, err := range []error{m.add(s, 30, 1), add(20, 2), add(10, 1), add(20, 2), m.add(s, 40, 2)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.seal(); err != nil {
		t.Fatal(err)
	}
	if p := s.points(); m.count != 4 || p[0].h.Count != 21 || p[1].h.Count != 30 || p[2].h != nil || p[2].v != 1 {
		t.Errorf("%d samples: %v", m.count, p)
	}
	m = newMemory()
	s = m.open(labels.FromStrings(model.MetricNameLabel, "a"))
	for _, err := range []error{add(20, 2), add(10, 1), add(20, 3)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.seal(); err == nil || !strings.Contains(err.Error(), "two different native histograms") {
		t.Errorf("error %v", err)
	}
}
