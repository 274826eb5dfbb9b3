package benchmark

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/prom"
)

// history is a recording of gauges on a grid of times.
type history struct {
	dump       *prom.Dump
	start, end time.Time
	step       time.Duration
}

func openHistory(ctx context.Context, path string, step time.Duration) (*history, error) {
	dump, err := prom.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	// A sample counts at its own step only: one that is missing is missing.
	dump.Lookback = step - time.Millisecond
	start, end := dump.Span()
	return &history{dump: dump, start: start, end: end, step: step}, nil
}

// series returns a metric's series, none when the recording does not have it;
// each has a value for every time of the grid.
func (h *history) series(ctx context.Context, metric string) (prom.Matrix, error) {
	return h.dump.Range(ctx, metric, h.start, h.end, h.step)
}

// last is the newest step of the grid that is not after t, in Unix seconds.
func (h *history) last(t float64) int {
	return int(math.Floor((t - float64(h.start.UnixMilli())/1e3) / h.step.Seconds()))
}

// at is the time of a step, in Unix seconds.
func (h *history) at(step int) float64 {
	return float64(h.start.Add(time.Duration(step)*h.step).UnixMilli()) / 1e3
}

func (h *history) steps() int { return int(h.end.Sub(h.start)/h.step) + 1 }

// latency and ratio put values on a scale where they stray about as far
// wherever they are: the logarithm of a time or an amount, the arcsine of the
// root of a share (Anscombe). What cannot be is NaN.
func latency(v float64) float64 {
	if !(v > 0) {
		return math.NaN()
	}
	return math.Log(v)
}

func ratio(v float64) float64 {
	if !(v >= 0 && v <= 1) {
		return math.NaN()
	}
	return math.Asin(math.Sqrt(v))
}

// chance is by how much ratio of a share of n requests strays by chance.
func chance(n float64) float64 { return 0.5 / math.Sqrt(max(n, 1)) }

// tenth is the least scale of latency: a tenth more or less does not matter.
const tenth = 0.1

// course is one series on a scale where it strays about as far wherever it is,
// more being worse, and the least scale at each step.
type course struct{ values, floors []float64 }

func logarithms(values []float64) course {
	c := course{make([]float64, len(values)), make([]float64, len(values))}
	for i, v := range values {
		c.values[i], c.floors[i] = latency(v), tenth
	}
	return c
}

// failures are the share of failures of a service; the least scale is
// what chance makes of as many requests as there were.
func failures(success prom.Row, rates prom.Matrix, step time.Duration) course {
	c := course{make([]float64, len(success.Values)), make([]float64, len(success.Values))}
	for i, v := range success.Values {
		c.values[i], c.floors[i] = ratio(1-v), chance(0)
		for _, rate := range rates {
			if rate.Labels["service"] == success.Labels["service"] && rate.Values[i] > 0 {
				c.floors[i] = chance(rate.Values[i] * step.Seconds())
			}
		}
	}
	return c
}

// table reads a CSV file as rows by column name, which must have the columns.
func table(path string, columns ...string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readTable(path, file, columns)
}

func readTable(path string, text io.Reader, columns []string) ([]map[string]string, error) {
	records, err := csv.NewReader(text).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(records) < 2 {
		return nil, fmt.Errorf("%s: holds no row", path)
	}
	for _, column := range columns {
		if !slices.Contains(records[0], column) {
			return nil, fmt.Errorf("%s:1: there is no column %s", path, column)
		}
	}
	rows := make([]map[string]string, len(records)-1)
	for i, record := range records[1:] {
		rows[i] = map[string]string{}
		for k, name := range records[0] {
			rows[i][name] = record[k]
		}
	}
	return rows, nil
}

// trail compares the newest values of a series, in the mean, with those before.
type trail struct {
	level  anomaly.Level
	recent []float64 // oldest first; NaN where missing
	keep   int
}

// push takes the next value. What is no longer recent becomes past.
func (t *trail) push(v, floor, memory float64) {
	if len(t.recent) == t.keep {
		t.level.Learn(t.recent[0], floor, memory)
		t.recent = append(t.recent[:0], t.recent[1:]...)
	}
	t.recent = append(t.recent, v)
}

// distance is how far the recent mean is from the past, 0 where either is unknown.
func (t *trail) distance(floor float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range t.recent {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if d := t.level.Distance(sum/n, floor); !math.IsNaN(d) {
		return d
	}
	return 0
}

// rank is the place of an index among suspects, from 1.
func rank(suspects []anomaly.Suspect, index int) int {
	return 1 + slices.IndexFunc(suspects, func(s anomaly.Suspect) bool { return s.Index == index })
}
