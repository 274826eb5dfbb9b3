package prom

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/fairway-mesh/fairway/mesh"
)

// dawn is when situations begin.
var dawn = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// situation makes a dump from promqltest's series notation, one sample every
// 10 s from dawn on: `requests_total{pod="a"} 0+50x6 _ _ 10`. `_` is a scrape
// without the series.
func situation(t testing.TB, notation string) *Dump {
	t.Helper()
	return situationFrom(t, dawn, 10*time.Second, notation)
}

func describeSeries(t testing.TB, line string) (labels.Labels, []parser.SequenceValue) {
	t.Helper()
	l, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return l, values
}

// shop is a small schema with pods of apps.
func shop(t testing.TB) *mesh.Schema {
	t.Helper()
	s, err := ParseSchema("shop.yaml", []byte(`
name: shop
labels: {service: app, endpoint: pod, subset: version, zone: zone}
step: 10s
range: 30s
series:
  - {name: request_rate, query: 'sum by (app, pod, version) (rate(requests_total[$range]))'}
  - {name: error_ratio, query: 'sum by (app, pod) (rate(errors_total[$range])) / sum by (app, pod) (rate(requests_total[$range]))'}
  - {name: memory_bytes, query: 'memory_bytes'}
  - {name: up, query: 'up'}
  - {name: age_seconds, query: 'time() - timestamp(memory_bytes)'}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shopTiming decides one scrape late.
var shopTiming = mesh.Timing{Step: 10 * time.Second, Range: 30 * time.Second, Delay: 10 * time.Second}

// at asks for one window, at dawn plus the given seconds.
func at(seconds int) Query {
	when := dawn.Add(time.Duration(seconds) * time.Second)
	return Query{Start: when, End: when, Timing: shopTiming}
}

func span10(first, last int) Query {
	return Query{Start: at(first).Start, End: at(last).End, Timing: shopTiming}
}

// gather takes all windows of a query.
func gather(t testing.TB, src Source, s *mesh.Schema, q Query) []mesh.Window {
	t.Helper()
	var all []mesh.Window
	for w, err := range Windows(t.Context(), src, s, q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// only takes the one window at a time.
func only(t testing.TB, src Source, s *mesh.Schema, seconds int) mesh.Window {
	t.Helper()
	all := gather(t, src, s, at(seconds))
	if len(all) != 1 {
		t.Fatalf("%d windows, want 1", len(all))
	}
	return all[0]
}

func near(t testing.TB, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(want) && math.IsNaN(got) || math.Abs(got-want) <= 1e-9*max(1, math.Abs(want)) {
		return
	}
	t.Errorf("%s is %v, want %v", what, got, want)
}
