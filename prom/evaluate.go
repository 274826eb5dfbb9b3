package prom

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"golang.org/x/sync/errgroup"
)

// asked is how many queries a source that is no Dump is asked at a time.
const asked = 4

// evaluate answers all queries of a slice, in their order. weight is the number of
// samples that were in memory for it at a time, about.
func (b *board) evaluate(ctx context.Context, src Source, start, end time.Time) (answers []Matrix, weight int, err error) {
	if d, ok := src.(*Dump); ok {
		return d.evaluate(ctx, b.plan, b.columnError, start, end, b.timing.Step)
	}
	answers = make([]Matrix, len(b.queries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(asked)
	for column, query := range b.queries {
		group.Go(func() error {
			var err error
			if answers[column], err = src.Range(ctx, query, start, end, b.timing.Step); err != nil {
				return b.columnError(column, err)
			}
			return nil
		})
	}
	err = group.Wait()
	for _, rows := range answers {
		weight += len(rows) * steps(start, end, b.timing.Step)
	}
	return answers, weight, err
}

// columnError says which series an error is about.
func (b *board) columnError(column int, err error) error {
	return fmt.Errorf("series %s: %w", b.schema.Series[column].Name, err)
}

// evaluate answers the queries of p, as many at a time as there are processors.
func (d *Dump) evaluate(ctx context.Context, p *plan, inColumn func(int, error) error, start, end time.Time, step time.Duration) ([]Matrix, int, error) {
	e := evaluation{dump: d, start: start, end: end, step: step, places: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for range p.shared {
		e.shared = append(e.shared, &sharedResult{ready: make(chan struct{})})
	}
	defer e.close()
	answers := make([]Matrix, len(p.queries))
	peaks := make([]int, len(p.queries))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range p.shared {
		group.Go(func() error { return e.share(ctx, i, part) })
	}
	for column, part := range p.queries {
		group.Go(func() error {
			var err error
			if answers[column], peaks[column], err = e.answer(ctx, part); err != nil {
				return inColumn(column, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	peak, held := 0, 0
	for _, n := range peaks {
		peak = max(peak, n)
	}
	for _, s := range e.shared {
		peak, held = max(peak, s.peak), held+s.rows.TotalSamples()
	}
	for _, rows := range answers {
		held += len(rows) * steps(start, end, step)
	}
	return answers, held + cap(e.places)*peak, nil
}

// evaluation is one go at a plan.
type evaluation struct {
	dump       *Dump
	start, end time.Time
	step       time.Duration
	places     chan struct{} // one for each query under way
	shared     []*sharedResult
}

// sharedResult is what several queries read, once ready is closed.
type sharedResult struct {
	ready chan struct{}
	query promql.Query
	rows  promql.Matrix // the engine's own
	read  promql.Matrix // what is read in their place
	peak  int
}

// share evaluates a shared part. On an error those who wait for it are let go
// by the end of ctx.
func (e *evaluation) share(ctx context.Context, i int, p part) error {
	result := e.shared[i]
	err := e.run(ctx, p, func(q promql.Query, rows promql.Matrix) {
		result.query, result.rows, result.peak = q, rows, q.Stats().Samples.PeakSamples
		result.read = make(promql.Matrix, len(rows))
		for i, row := range rows {
			result.read[i] = ended(row, e.start.UnixMilli(), e.end.UnixMilli(), e.step.Milliseconds())
		}
	})
	if err == nil {
		close(result.ready)
	}
	return err
}

func (e *evaluation) answer(ctx context.Context, p part) (answer Matrix, peak int, err error) {
	err = e.run(ctx, p, func(q promql.Query, rows promql.Matrix) {
		answer = asMatrix(rows, e.start, e.end, e.step)
		peak = q.Stats().Samples.PeakSamples
		q.Close()
	})
	return answer, peak, err
}

// run evaluates a part when what it needs is there and a place is free. The
// query is then the receiver's to close.
func (e *evaluation) run(ctx context.Context, p part, done func(promql.Query, promql.Matrix)) error {
	for _, i := range p.needs {
		select {
		case <-e.shared[i].ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	from, lookback := e.dump.history, e.dump.Lookback
	if len(p.needs) > 0 {
		from = &beside{e.dump.history, e.shared}
	}
	q, rows, err := e.dump.run(ctx, from, lookback, p.expr, e.start, e.end, e.step)
	if err != nil {
		return err
	}
	done(q, rows)
	return nil
}

// close gives back what the shared results hold.
func (e *evaluation) close() {
	for _, s := range e.shared {
		if s.query != nil {
			s.query.Close()
		}
	}
}

// ended returns the row with a stale marker wherever it has no value after one:
// a selector would find the value before, and take it.
func ended(row promql.Series, start, end, step int64) promql.Series {
	if len(row.Floats)+len(row.Histograms) == int((end-start)/step)+1 {
		return row
	}
	floats := make([]promql.FPoint, 0, len(row.Floats)+1)
	i, j, alive := 0, 0, false
	for t := start; t <= end; t += step {
		switch {
		case i < len(row.Floats) && row.Floats[i].T == t:
			floats = append(floats, row.Floats[i])
			i, alive = i+1, true
		case j < len(row.Histograms) && row.Histograms[j].T == t:
			j, alive = j+1, true
		case alive:
			floats = append(floats, promql.FPoint{T: t, F: math.Float64frombits(value.StaleNaN)})
			alive = false
		}
	}
	row.Floats = floats
	return row
}

// beside is a history with shared results beside it.
type beside struct {
	storage.Queryable
	shared []*sharedResult
}

// Querier implements storage.Queryable.
func (b *beside) Querier(first, last int64) (storage.Querier, error) {
	q, err := b.Queryable.Querier(first, last)
	return &querierBeside{q, b.shared}, err
}

type querierBeside struct {
	storage.Querier
	shared []*sharedResult
}

// Select returns a shared result whole: the engine does not check its labels.
func (q *querierBeside) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if len(matchers) == 1 && matchers[0].Name == sharedLabel {
		if i, err := strconv.Atoi(matchers[0].Value); err == nil && i < len(q.shared) {
			return &resultSet{rows: q.shared[i].read, at: -1}
		}
	}
	return q.Querier.Select(ctx, sorted, hints, matchers...)
}

// resultSet implements storage.SeriesSet over a result.
type resultSet struct {
	rows promql.Matrix
	at   int
}

func (s *resultSet) Next() bool                      { s.at++; return s.at < len(s.rows) }
func (s *resultSet) At() storage.Series              { return promql.NewStorageSeries(s.rows[s.at]) }
func (*resultSet) Err() error                        { return nil }
func (*resultSet) Warnings() annotations.Annotations { return nil }
