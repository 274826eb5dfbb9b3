package prom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"
)

// Range implements Source. A long range is cut into shards that the server
// grants, and those that turn out too heavy into halves; each step is asked
// for in one of them.
func (s *Server) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	n := steps(start, end, step)
	if n == 0 {
		return nil, nil
	}
	width := s.limits.Points
	if step > 0 {
		width = max(1, min(width, int(s.limits.Span/step)))
	}
	shards := make([][]shard, (n+width-1)/width)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.limits.Parallel)
	for i := range shards {
		first := i * n / len(shards)
		g.Go(func() (err error) {
			shards[i], err = s.ask(ctx, question{expr, start, step}, first, (i+1)*n/len(shards)-first)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("%s: query %q: %w", s.url, expr, err)
	}
	return join(slices.Concat(shards...), n), nil
}

// question is a range query of which shards are asked for.
type question struct {
	expr  string
	start time.Time
	step  time.Duration
}

// shard is the answer for some of the steps, from first on: as many as a row has
// values.
type shard struct {
	first int
	rows  Matrix
}

// ask asks for n steps from the first on.
func (s *Server) ask(ctx context.Context, q question, first, n int) ([]shard, error) {
	rows, err := s.evaluate(ctx, q.expr, q.start.Add(time.Duration(first)*q.step), n, q.step)
	if err == nil {
		return []shard{{first, rows}}, nil
	}
	if n == 1 || !heavy(err) || ctx.Err() != nil {
		return nil, err
	}
	left, err := s.ask(ctx, q, first, n/2)
	if err != nil {
		return nil, err
	}
	right, err := s.ask(ctx, q, first+n/2, n-n/2)
	return append(left, right...), err
}

// evaluate makes one request.
func (s *Server) evaluate(ctx context.Context, expr string, start time.Time, n int, step time.Duration) (Matrix, error) {
	var result model.Value
	var warnings v1.Warnings
	var err error
	if n == 1 {
		result, warnings, err = s.api.Query(ctx, expr, start)
	} else {
		end := start.Add(time.Duration(n-1) * step)
		result, warnings, err = s.api.QueryRange(ctx, expr, v1.Range{Start: start, End: end, Step: step})
	}
	if err = s.sound(err, warnings); err != nil {
		return nil, err
	}
	switch result := result.(type) {
	case model.Vector:
		if n != 1 {
			return nil, errors.New("the answer to a range query is a vector: is this a server of Prometheus' HTTP API?")
		}
		return ofVector(result, start)
	case model.Matrix:
		if n > 1 {
			return ofMatrix(result, start, n, step)
		}
	case nil:
		return nil, errors.New("the answer holds no result: is this a server of Prometheus' HTTP API?")
	}
	return nil, fmt.Errorf("the answer is a %s; want an instant vector", result.Type())
}

// offTime is how far the time of an answer may be from the one that was asked for:
// servers round. A cache in between, or a clock, can be off by more.
const offTime = time.Minute

func ofVector(vector model.Vector, asked time.Time) (answer Matrix, err error) {
	for _, x := range vector {
		switch {
		case x == nil:
			return nil, errNull
		case x.Histogram != nil:
			return nil, errHistogram
		case x.Timestamp.Time().Sub(asked).Abs() > offTime:
			return nil, fmt.Errorf("asked for %s, the server answers for %s: is a cache in between, or a clock wrong?", asked.UTC().Format(time.TimeOnly), x.Timestamp.Time().UTC().Format(time.TimeOnly))
		}
		answer = append(answer, Row{Labels: labelMap(x.Metric), Values: []float64{float64(x.Value)}})
	}
	return answer, nil
}

// ofMatrix lays the values out by step, whatever the server rounded.
func ofMatrix(matrix model.Matrix, start time.Time, n int, step time.Duration) (answer Matrix, err error) {
	for _, x := range matrix {
		switch {
		case x == nil:
			return nil, errNull
		case len(x.Histograms) > 0:
			return nil, errHistogram
		}
		row := Row{Labels: labelMap(x.Metric), Values: unknown(n)}
		for _, p := range x.Values {
			if i := int64(p.Timestamp.Time().Sub(start)+step/2) / int64(step); i >= 0 && i < int64(n) {
				row.Values[i] = float64(p.Value)
			}
		}
		answer = append(answer, row)
	}
	return answer, nil
}

var errNull = errors.New("the answer has a series that is null")

var errHistogram = errors.New("the answer is a native histogram; put histogram_quantile, histogram_sum or the like around it")

// join lays the shards of an answer over n steps side by side.
func join(shards []shard, n int) Matrix {
	if len(shards) == 1 {
		return shards[0].rows
	}
	type found struct {
		labels labels.Labels
		row    Row
	}
	rows := map[uint64][]*found{}
	var all []*found
	for _, p := range shards {
		for _, row := range p.rows {
			l := labels.FromMap(row.Labels)
			same := rows[l.Hash()]
			i := slices.IndexFunc(same, func(f *found) bool { return labels.Equal(f.labels, l) })
			if i < 0 {
				f := &found{l, Row{Labels: row.Labels, Values: unknown(n)}}
				i, same = len(same), append(same, f)
				rows[l.Hash()], all = same, append(all, f)
			}
			copy(same[i].row.Values[p.first:], row.Values)
		}
	}
	slices.SortFunc(all, func(a, b *found) int { return labels.Compare(a.labels, b.labels) })
	answer := make(Matrix, len(all))
	for i, f := range all {
		answer[i] = f.row
	}
	return answer
}
