package prom

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"github.com/fairway-mesh/fairway/mesh"
)

// sameBits compares windows, and tells one NaN from another.
var sameBits = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

func TestPlanAsksOnceForWhatIsShared(t *testing.T) {
	p, err := newPlan([]string{
		`sum by (pod) (rate(a[1m]))`,
		`sum by (pod) (rate(b[1m])) / sum by (pod) (rate(a[1m]))`,
		`histogram_quantile(0.5, sum by (pod, le) (rate(c[1m])))`,
		`histogram_quantile(0.9, sum by (pod, le) (rate(c[1m])))`,
		`sum by (pod) (rate(c[1m]))`, // below an aggregation: on its own
		`max_over_time(rate(d[1m])[5m:])`, `min_over_time(rate(d[1m])[5m:])`,
		`timestamp(sum(e))`, `absent(sum(e))`,
		`up`, `up`,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := plan{
		shared: []part{{`sum by (pod) (rate(a[1m]))`, nil}, {`sum by (pod, le) (rate(c[1m]))`, nil}},
		queries: []part{
			{`{__fairway_shared__="0"}`, []int{0}},
			{`sum by (pod) (rate(b[1m])) / {__fairway_shared__="0"}`, []int{0}},
			{`histogram_quantile(0.5, {__fairway_shared__="1"})`, []int{1}},
			{`histogram_quantile(0.9, {__fairway_shared__="1"})`, []int{1}},
			{`sum by (pod) (rate(c[1m]))`, nil},
			{`max_over_time(rate(d[1m])[5m:])`, nil}, {`min_over_time(rate(d[1m])[5m:])`, nil},
			{`timestamp(sum(e))`, nil}, {`absent(sum(e))`, nil},
			{`up`, nil}, {`up`, nil},
		},
	}
	if diff := cmp.Diff(want, *p, cmp.AllowUnexported(plan{}, part{})); diff != "" {
		t.Error(diff)
	}
}

// bare hides from the board that a source is a Dump: every query is asked on
// its own.
type bare struct{ Source }

// TestSharedResultsAreTheSame walks real recordings with and without sharing.
func TestSharedResultsAreTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		dump, schema string
		timing       mesh.Timing
	}{
		"lab":   {recording(t), "lab", mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second}},
		"after": {recording(t), "lab", mesh.Timing{Step: 5 * time.Second, Range: 30 * time.Second}},
		"nezha": {"nezha/onlineboutique-20220822.om.gz", "../datasets/schemas/nezha.yaml", mesh.Timing{Step: time.Minute, Range: 5 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "nezha" {
				c.dump = shared(t, c.dump)
			}
			d := open(t, c.dump)
			s, err := LoadSchema(c.schema)
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPlan(queriesOf(s, c.timing.Range))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.shared) == 0 && name != "nezha" {
				t.Fatal("nothing is shared: nothing is tested")
			}
			q := d.Query(c.timing)
			if most := q.Start.Add(150 * c.timing.Step); q.End.After(most) {
				q.End = most
			}
			if diff := cmp.Diff(gather(t, bare{d}, s, q), gather(t, d, s, q), sameBits); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func queriesOf(s *mesh.Schema, span time.Duration) (queries []string) {
	for _, series := range s.Series {
		queries = append(queries, withRange(series.Query, span))
	}
	return queries
}

// TestSharedResultsWithGaps: where a shared part has no value, the one before
// must not stand in, and selectors beside it look back as always.
func TestSharedResultsWithGaps(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x6 _x6 0+50x20
		requests_total{app="cart",pod="b"} _x5 0+20x3 _x8 0+20x5
		memory_bytes{app="cart",pod="a"} 5 _ 6 _ 7 _ 8 _x3 9x20
		memory_bytes{app="cart",pod="b"} 5x30`)
	s, err := ParseSchema("gaps.yaml", []byte(`
name: gaps
labels: {service: app, endpoint: pod}
step: 10s
range: 30s
series:
  - {name: request_rate, query: 'sum by (app, pod) (rate(requests_total[$range]))'}
  - {name: error_ratio, query: 'sum by (app, pod) (rate(requests_total[$range])) / on (app, pod) memory_bytes'}
  - {name: in_flight, query: 'memory_bytes unless on (app, pod) (sum by (app, pod) (rate(requests_total[$range])) > 2)'}
  - {name: cpu_cores, query: 'label_replace(sum by (app, pod) (rate(requests_total[$range])) > 2, "x", "y", "", "")'}
`))
	if err != nil {
		t.Fatal(err)
	}
	q := span10(40, 300)
	if diff := cmp.Diff(gather(t, bare{d}, s, q), gather(t, d, s, q), sameBits); diff != "" {
		t.Error(diff)
	}
}

// TestSharedNativeHistograms: results that are histograms are passed on too.
func TestSharedNativeHistograms(t *testing.T) {
	store := promqltest.LoadedStorage(t, `
load 10s
  latency{app="cart",pod="a"} {{schema:0 count:0 sum:0 buckets:[0 0 0]}}+{{schema:0 count:6 sum:9 buckets:[1 2 3]}}x12 _x4 {{schema:0 count:6 sum:9 buckets:[1 2 3]}}+{{schema:0 count:7 sum:9 buckets:[3 3 1]}}x12
`)
	t.Cleanup(func() { _ = store.Close() })
	d := newDump(store, 0, 300_000, 10*time.Second, 10*time.Second, func() error { return nil })
	s, err := ParseSchema("native.yaml", []byte(`
name: native
labels: {service: app, endpoint: pod}
step: 10s
range: 30s
series:
  - {name: latency_p50_seconds, query: 'histogram_quantile(0.5, sum by (app, pod) (rate(latency[$range])))'}
  - {name: latency_p90_seconds, query: 'histogram_quantile(0.9, sum by (app, pod) (rate(latency[$range])))'}
  - {name: latency_mean_seconds, query: 'histogram_avg(sum by (app, pod) (rate(latency[$range])))'}
`))
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Start: time.Unix(40, 0).UTC(), End: time.Unix(290, 0).UTC(), Timing: mesh.Timing{Step: 10 * time.Second, Range: 30 * time.Second}}
	want := gather(t, bare{d}, s, q)
	if diff := cmp.Diff(want, gather(t, d, s, q), sameBits); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(want, func(w mesh.Window) bool { return w.At(0, mesh.LatencyP50) > 0 }) {
		t.Error("no quantile is known: nothing is tested")
	}
}

func TestErrorsOfSharedParts(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a",code="1"} 0+50x8
		requests_total{app="cart",pod="a",code="2"} 0+50x8`)
	s := &mesh.Schema{Name: "odd", Labels: mesh.Labels{Service: "app", Endpoint: "pod"}}
	const bad = `requests_total * on (app) requests_total`
	for _, name := range []string{mesh.RequestRate, mesh.CPU} {
		s.Series = append(s.Series, mesh.Series{Name: name, Query: bad})
	}
	for _, err := range Windows(t.Context(), d, s, span10(40, 80)) {
		if err == nil || !strings.Contains(err.Error(), "many-to-many") {
			t.Errorf("error %v, want one of the matching", err)
		}
	}
}

func TestEndedRows(t *testing.T) {
	row := promql.Series{
		Metric:     labels.FromStrings("a", "b"),
		Floats:     []promql.FPoint{{T: 20, F: 1}, {T: 30, F: 2}, {T: 60, F: 3}},
		Histograms: []promql.HPoint{{T: 50, H: &histogram.FloatHistogram{}}},
	}
	var got []int64
	for _, p := range ended(row, 10, 90, 10).Floats {
		got = append(got, p.T)
	}
	if want := []int64{20, 30, 40, 60, 70}; !slices.Equal(got, want) {
		t.Errorf("floats at %v, want %v: a marker after each end", got, want)
	}
}

var _ storage.Queryable = (*beside)(nil)
