package prom

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// histories is situation for histories that hold native histograms too:
// `seconds{pod="a"} {{schema:0 sum:0 count:0}}+{{sum:2 count:4 buckets:[4]}}x8`.
func histories(t testing.TB, notation string) *Dump {
	t.Helper()
	var all history
	first, last := dawn.UnixMilli(), dawn.UnixMilli()
	for _, line := range strings.Split(notation, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		l, values := describeSeries(t, line)
		var samples []chunks.Sample
		for i, v := range values {
			at := dawn.Add(time.Duration(i) * 10 * time.Second).UnixMilli()
			switch {
			case v.Omitted:
			case v.Histogram != nil:
				samples = append(samples, nativeSample{sample{t: at}, v.Histogram})
			default:
				samples = append(samples, &sample{at, v.Value})
			}
			last = max(last, at)
		}
		all = append(all, storage.NewListSeries(l, samples))
	}
	return newDump(all, first, last, 10*time.Second, 10*time.Second, func() error { return nil })
}

// nativeSample is a sample that is a histogram.
type nativeSample struct {
	sample
	h *histogram.FloatHistogram
}

func (n nativeSample) T() int64                      { return n.sample.t }
func (n nativeSample) ST() int64                     { return 0 }
func (n nativeSample) F() float64                    { return 0 }
func (n nativeSample) H() *histogram.Histogram       { return nil }
func (n nativeSample) FH() *histogram.FloatHistogram { return n.h.Copy() }
func (n nativeSample) Type() chunkenc.ValueType      { return chunkenc.ValFloatHistogram }
func (n nativeSample) Copy() chunks.Sample           { return nativeSample{n.sample, n.h.Copy()} }

// history implements storage.Queryable and storage.Querier.
type history []storage.Series

func (h history) Querier(_, _ int64) (storage.Querier, error) { return h, nil }

func (h history) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &storedSeries{at: -1}
	for _, s := range h {
		if matches(s.Labels(), matchers) {
			found.all = append(found.all, s)
		}
	}
	return found
}

func (h history) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	m := newMemory()
	for _, s := range h {
		m.open(s.Labels())
	}
	return reader{m}.LabelValues(context.Background(), name, nil, matchers...)
}

func (history) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return []string{model.MetricNameLabel}, nil, nil
}

func (history) Close() error { return nil }

type storedSeries struct {
	all []storage.Series
	at  int
}

func (s *storedSeries) Next() bool                      { s.at++; return s.at < len(s.all) }
func (s *storedSeries) At() storage.Series              { return s.all[s.at] }
func (*storedSeries) Err() error                        { return nil }
func (*storedSeries) Warnings() annotations.Annotations { return nil }
