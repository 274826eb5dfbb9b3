package prom

import (
	"context"
	"time"
)

// Source answers PromQL over one history or one live server. Sources may be
// used by several goroutines at once.
type Source interface {
	// Range evaluates expr at start, start+step, … ≤ end. With start equal to
	// end it evaluates once and step does not matter.
	Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error)
	// Metrics returns the names of the metrics that the source holds, sorted.
	Metrics(ctx context.Context) ([]string, error)
}

// Matrix is the answer to a range query, sorted by labels.
type Matrix []Row

// Row is one series of an answer. Values has one number for each step of the
// query; NaN where the query had no result (or the result NaN).
type Row struct {
	Labels map[string]string
	Values []float64
}

// steps is the number of evaluations from start to end.
func steps(start, end time.Time, step time.Duration) int {
	if end.Before(start) {
		return 0
	}
	if step <= 0 {
		return 1
	}
	return int(end.Sub(start)/step) + 1
}
