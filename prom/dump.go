package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/fairway-mesh/fairway/mesh"
)

// Dump is a recorded history, held in memory or in TSDB blocks on disk, and
// the PromQL engine over it. It may be used by several goroutines at once.
type Dump struct {
	// Lookback is how old the newest sample of a series may be to count at an
	// instant. Open sets it to two and a half of the longest scrape interval,
	// so that blocks, which an import leaves without stale markers, show the
	// end of a series when a text does; set it before the first query.
	Lookback time.Duration
	// Notes say, for people, what the source has and Open did not read, and
	// what a server said of an answer.
	Notes []string

	history  storage.Queryable
	engine   *promql.Engine
	first    int64
	last     int64
	interval time.Duration
	close    func() error
}

// queryLimit bounds the samples that one query holds in memory at a time.
const queryLimit = 50_000_000

func newDump(history storage.Queryable, first, last int64, interval, slowest time.Duration, closed func() error) *Dump {
	lookback := max(silence(slowest), time.Millisecond)
	if interval == 0 { // everything that was scraped counts at the end of the span
		lookback = max(lookback, time.Duration(last-first+1)*time.Millisecond)
	}
	return &Dump{
		Lookback: lookback,
		history:  history, first: first, last: last, interval: interval, close: closed,
		engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples:           queryLimit,
			Timeout:              10 * time.Minute,
			EnableAtModifier:     true,
			EnableNegativeOffset: true,
			Parser:               parser.NewParser(parser.Options{}),
		}),
	}
}

// Span returns the times of the first and the last sample.
func (d *Dump) Span() (start, end time.Time) {
	return time.UnixMilli(d.first).UTC(), time.UnixMilli(d.last).UTC()
}

// ScrapeInterval is the median time between two samples of a series; 0 when no
// series has two.
func (d *Dump) ScrapeInterval() time.Duration { return d.interval }

const advice = "let a Prometheus scrape the target and record from it"

// ErrInstant says that a dump is one scrape where a history is wanted.
var ErrInstant = errors.New("this is one scrape, not a history: " + advice)

// Instant reports whether no series has a second sample: the dump is one
// scrape. It tells which metrics, labels and values there are at the end of
// its span, which is the Unix epoch if the scrape had no timestamps; Range
// refuses more than one step with ErrInstant.
func (d *Dump) Instant() bool { return d.interval == 0 }

// Query asks for every window that the dump can fill: the first one begins
// with the first sample, the last one ends before the last sample. The times
// are multiples of t.Step since the Unix epoch.
func (d *Dump) Query(t mesh.Timing) Query {
	start, end := d.Span()
	from := start.Add(t.Range + t.Delay)
	if rounded := Floor(from, t.Step); rounded.Before(from) {
		from = rounded.Add(t.Step)
	}
	return Query{Start: from, End: Floor(end.Add(t.Delay), t.Step), Timing: t}
}

// Floor returns the latest multiple of step since the Unix epoch that is not
// after t, in UTC: whoever asks for windows finds them at the same times,
// wherever a clock's hands may stand. (time.Truncate counts from the year 1,
// which is no multiple of, say, seven seconds away from the epoch.) A step
// below a millisecond changes nothing.
func Floor(t time.Time, step time.Duration) time.Time {
	n := step.Milliseconds()
	if n <= 0 {
		return t.UTC()
	}
	at := t.UnixMilli()
	return time.UnixMilli(at - ((at%n)+n)%n).UTC()
}

// Range implements Source. The resolution is a millisecond.
func (d *Dump) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	if step <= 0 {
		step = time.Second // one evaluation: any step will do
		end = start
	}
	q, rows, err := d.run(ctx, d.history, d.Lookback, expr, start, end, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	return asMatrix(rows, start, end, step), nil
}

// run evaluates expr over history. The rows are valid until the query is closed.
func (d *Dump) run(ctx context.Context, history storage.Queryable, lookback time.Duration, expr string, start, end time.Time, step time.Duration) (promql.Query, promql.Matrix, error) {
	start, end = start.Truncate(time.Millisecond), end.Truncate(time.Millisecond)
	if steps(start, end, step) > 1 && d.Instant() {
		return nil, nil, fmt.Errorf("query %q: %w", expr, ErrInstant)
	}
	if step%time.Millisecond != 0 {
		return nil, nil, fmt.Errorf("query %q: the step is %s; want whole milliseconds", expr, step)
	}
	q, err := d.engine.NewRangeQuery(ctx, history, promql.NewPrometheusQueryOpts(false, lookback), expr, start, end, step)
	if err != nil {
		return nil, nil, fmt.Errorf("query %q: %w", expr, err)
	}
	rows, err := q.Exec(ctx).Matrix()
	if err != nil {
		q.Close()
		return nil, nil, fmt.Errorf("query %q from %s to %s: %w", expr, clock(start.UnixMilli()), clock(end.UnixMilli()), err)
	}
	return q, rows, nil
}

// asMatrix copies the engine's rows.
func asMatrix(rows promql.Matrix, start, end time.Time, step time.Duration) Matrix {
	n := steps(start, end, step)
	first := start.UnixMilli()
	answer := make(Matrix, len(rows))
	for i, row := range rows {
		answer[i] = Row{Labels: row.Metric.Map(), Values: unknown(n)}
		for _, p := range row.Floats {
			answer[i].Values[(p.T-first)/step.Milliseconds()] = p.F
		}
	}
	return answer
}

// Metrics implements Source.
func (d *Dump) Metrics(ctx context.Context) ([]string, error) {
	q, err := d.history.Querier(d.first, d.last)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	names, _, err := q.LabelValues(ctx, model.MetricNameLabel, nil)
	for i := range names {
		names[i] = strings.Clone(names[i]) // those of a block do not outlive it
	}
	return names, err
}

// Close releases the files of the dump.
func (d *Dump) Close() error { return d.close() }

// unknown returns n missing values.
func unknown(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}
