package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/fairway-mesh/fairway/prom"
)

// history answers a dump's questions from series in memory. Prometheus
// itself answers them in TestRecord; this one can be either kind of old and
// new, and fail.
type history struct {
	prometheus.API
	series     []*model.SampleStream
	types      map[string][]prometheus.Metadata
	closedLeft bool // a range selector includes its older end, as before 3.0
	fail       error
}

func (h history) Metadata(context.Context, string, string) (map[string][]prometheus.Metadata, error) {
	return h.types, nil
}

func (h history) LabelValues(context.Context, string, []string, time.Time, time.Time, ...prometheus.Option) (model.LabelValues, prometheus.Warnings, error) {
	var names model.LabelValues
	for _, s := range h.series {
		names = append(names, s.Metric[model.MetricNameLabel])
	}
	slices.Sort(names)
	return slices.Compact(names), nil, nil
}

var rangeQuery = regexp.MustCompile(`^\{__name__="([^"]+)"\}\[(\w+)\]$`)

func (h history) Query(_ context.Context, query string, at time.Time, _ ...prometheus.Option) (model.Value, prometheus.Warnings, error) {
	if h.fail != nil {
		return nil, nil, h.fail
	}
	parts := rangeQuery.FindStringSubmatch(query)
	if parts == nil {
		return nil, nil, errors.New("not a range selector: " + query)
	}
	span, err := model.ParseDuration(parts[2])
	if err != nil {
		return nil, nil, err
	}
	var found model.Matrix
	for _, s := range h.series {
		in := model.SampleStream{Metric: s.Metric}
		for _, v := range s.Values {
			age := at.Sub(v.Timestamp.Time())
			if age >= 0 && (age < time.Duration(span) || h.closedLeft && age == time.Duration(span)) {
				in.Values = append(in.Values, v)
			}
		}
		if string(s.Metric[model.MetricNameLabel]) == parts[1] && len(in.Values) > 0 {
			found = append(found, &in)
		}
	}
	return found, nil, nil
}

// series has samples that are 1, 2, … at the given seconds of the test.
func series(name string, labels model.LabelSet, seconds ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{model.MetricNameLabel: model.LabelValue(name)}}
	for k, v := range labels {
		s.Metric[k] = v
	}
	for i, t := range seconds {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at(t).UnixNano()), Value: model.SampleValue(i + 1)})
	}
	return s
}

// TestDumpTakesEverySampleOnce has samples where the slices of the dump meet,
// and outside of what is asked for.
func TestDumpTakesEverySampleOnce(t *testing.T) {
	slice := dumpSlice.Seconds()
	for _, closedLeft := range []bool{false, true} {
		h := history{closedLeft: closedLeft, series: []*model.SampleStream{
			series("up", nil, -1, -0.001, 0, 1, slice-0.002, slice-0.001, slice, slice+0.001, 2*slice, 2.5*slice, 2.5*slice+0.001),
			series("up", model.LabelSet{"endpoint": "a"}, 1.5*slice),
			series("down", nil, -1, 3*slice),
		}}
		found, err := rawSamples(t.Context(), h, "up", at(0), at(2.5*slice))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]float64{}
		for _, s := range found {
			for _, v := range s.Values {
				got[s.Metric.String()] = append(got[s.Metric.String()], float64(v.Value))
			}
		}
		want := map[string][]float64{"up": {3, 4, 5, 6, 7, 8, 9, 10}, `up{endpoint="a"}`: {1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("older end included %v: samples (-want +got):\n%s", closedLeft, diff)
		}
		if found, err := rawSamples(t.Context(), h, "down", at(0), at(2.5*slice)); err != nil || len(found) > 0 {
			t.Errorf("a series without a sample in the recording: %v (%v)", found, err)
		}
	}
}

func TestDumpFails(t *testing.T) {
	h := history{series: []*model.SampleStream{series("up", nil, 1)}, fail: errors.New("out of order")}
	if _, err := dump(t.Context(), h, at(0), at(9), &bytes.Buffer{}); err == nil || err.Error() != "read up: out of order" {
		t.Errorf("error is %v", err)
	}
}

// awkward is what a dump has to write with care.
func awkward() history {
	special := series("go_goroutines", model.LabelSet{"zone": `a "quoted" \ name` + "\n", "endpoint": "b"}, 1, 3, 5, 7)
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.25e-7} {
		special.Values[i].Value = model.SampleValue(v)
	}
	who := model.LabelSet{"endpoint": "a", "job": "endpoints"}
	return history{
		series: []*model.SampleStream{
			series("up", who, 1, 3),
			series("http_server_requests_total", model.LabelSet{"endpoint": "a", "code": "500"}, 1, 3),
			series("http_server_requests_total", model.LabelSet{"endpoint": "a", "code": "200"}, 1, 3.5),
			series("http_server_request_duration_seconds_bucket", model.LabelSet{"le": "+Inf"}, 1),
			series("http_server_request_duration_seconds_bucket", model.LabelSet{"le": "0.5"}, 1),
			series("http_server_request_duration_seconds_count", nil, 1),
			series("http_server_request_duration_seconds_sum", nil, 1),
			special,
			series("odd_counter", nil, 1),
			series("scrape_duration_seconds", nil, 1),
		},
		types: map[string][]prometheus.Metadata{
			"http_server_requests_total":           {{Type: "counter", Help: "Requests,\nanswered \"or\" not."}},
			"http_server_request_duration_seconds": {{Type: "histogram", Help: "Time."}},
			"go_goroutines":                        {{Type: "gauge"}},
			"odd_counter":                          {{Type: "counter", Help: "A counter whose name OpenMetrics does not allow."}},
			"never_seen":                           {{Type: "gauge"}},
		},
	}
}

func TestDumpAsOpenMetrics(t *testing.T) {
	var text bytes.Buffer
	samples, err := dump(t.Context(), awkward(), at(0), at(9), &text)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.om", text.String())
	if lines := strings.Count(text.String(), "\n") - strings.Count(text.String(), "# "); samples != lines {
		t.Errorf("%d samples; %d are written", samples, lines)
	}
}

// TestDumpIsReadBack opens the text with Prometheus' own parser.
func TestDumpIsReadBack(t *testing.T) {
	var text bytes.Buffer
	if _, err := dump(t.Context(), awkward(), at(0), at(9), &text); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "metrics.om")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	read, err := prom.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if start, end := read.Span(); !start.Equal(at(1)) || !end.Equal(at(7)) {
		t.Errorf("the samples span %v to %v; want %v to %v", start, end, at(1), at(7))
	}
	for query, want := range map[string]float64{
		`http_server_requests_total{code="200"}`:                                     2,
		`last_over_time(http_server_request_duration_seconds_bucket{le="+Inf"}[9s])`: 1,
		`go_goroutines{zone="a \"quoted\" \\ name\n"}`:                               1.25e-7,
		`last_over_time(odd_counter[9s])`:                                            1,
		`up{endpoint="a",job="endpoints"}`:                                           2,
		`count(last_over_time({__name__=~"http_server_request_duration_.*"}[9s]))`:   4,
		`count_over_time(go_goroutines[10s])`:                                        4,
		`count(last_over_time({__name__=~"scrape_.*"}[9s])) or vector(0)`:            0,
		`http_server_requests_total{code="200"} @ 1003.499`:                          1,
		`max_over_time(go_goroutines{zone=~"a .quoted.*"}[6s]) > 10`:                 math.Inf(1),
	} {
		m, err := read.Range(t.Context(), query, at(7), at(7), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(m) != 1 || len(m[0].Values) != 1 || m[0].Values[0] != want {
			t.Errorf("%s is %v; want %v", query, m, want)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	types := map[string]described{
		"a_total": {"counter", "A."}, "b": {"gauge", "B."}, "c": {"histogram", "C."}, "d_sum": {"gauge", "D."}, "e": {"summary", "E."},
	}
	for metric, want := range map[string][3]string{
		"a_total":  {"a", "counter", "A."},
		"b":        {"b", "gauge", "B."},
		"c_bucket": {"c", "histogram", "C."},
		"c_sum":    {"c", "histogram", "C."},
		"c_count":  {"c", "histogram", "C."},
		"d_sum":    {"d_sum", "gauge", "D."},
		"e":        {"e", "unknown", "E."},
		"f":        {"f", "unknown", ""},
	} {
		name, kind, help := familyOf(metric, types)
		if got := [3]string{name, kind, help}; got != want {
			t.Errorf("%s belongs to %v; want %v", metric, got, want)
		}
	}
}

func TestWriteFamilyKeepsTheErrorOfItsWriter(t *testing.T) {
	w := bufio.NewWriterSize(failing{}, 16)
	writeFamily(w, family{name: "up", kind: "gauge", series: []*model.SampleStream{series("up", nil, 1, 2, 3)}})
	if err := w.Flush(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error is %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }
