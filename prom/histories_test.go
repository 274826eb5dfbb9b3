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
				samples = append(samples, instantOf{at, 0, v.Histogram})
			default:
				samples = append(samples, instantOf{at, v.Value, nil})
			}
			last = max(last, at)
		}
		all = append(all, storage.NewListSeries(l, samples))
	}
	return newDump(all, first, last, 10*time.Second, 10*time.Second, func() error { return nil })
}

// instantOf is a sample, a number or a histogram.
type instantOf struct {
	t int64
	v float64
	h *histogram.FloatHistogram
}

func (p instantOf) T() int64                { return p.t }
func (p instantOf) ST() int64               { return 0 }
func (p instantOf) F() float64              { return p.v }
func (p instantOf) H() *histogram.Histogram { return nil }

func (p instantOf) FH() *histogram.FloatHistogram {
	if p.h == nil {
		return nil
	}
	return p.h.Copy()
}

func (p instantOf) Type() chunkenc.ValueType {
	if p.h == nil {
		return chunkenc.ValFloat
	}
	return chunkenc.ValFloatHistogram
}

func (p instantOf) Copy() chunks.Sample { return instantOf{p.t, p.v, p.FH()} }

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
