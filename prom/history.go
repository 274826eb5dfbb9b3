package prom

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/mesh"
)

// History is a source that has a beginning and an end: a Dump, or an Archive.
type History interface {
	Source
	// Span returns the times between which samples are known.
	Span() (start, end time.Time)
	// ScrapeInterval is the usual time between two samples of a series; 0 when
	// it is not known.
	ScrapeInterval() time.Duration
	Close() error
}

// Archive is what a server knows of a span of time. It stays there: queries
// run on the server, and nothing is copied that it can compute. It may be used
// by several goroutines at once.
type Archive struct {
	*Server
	start, end time.Time
	settled    time.Time
	identity   string
	interval   time.Duration
	narrow     *narrowed
}

// settling is how old the newest sample of an Archive without a given end is
// at least. Servers that are written to over the network, Mimir, Thanos and
// VictoriaMetrics, have a sample later than it is from, and the same question
// must not have another answer a moment later.
const settling = 30 * time.Second

// grid is to what the end of the newest history of a length is rounded down:
// whoever asks for it again soon, to train once more, to go on after an
// interruption or to replay the part that was held back, means the same span
// and finds what is known of it already.
func grid(since time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, g := range []time.Duration{day, 6 * time.Hour, time.Hour, 10 * time.Minute, time.Minute, 10 * time.Second} {
		if g <= since/24 {
			return g
		}
	}
	return time.Second
}

// OpenArchive returns the span that the connection names of a server's
// history; the newest history of a length ends at a round time (UTC). The schema may be nil; then Measure has to be called before
// ScrapeInterval.
func OpenArchive(ctx context.Context, c *Connection, l Limits) (*Archive, error) {
	if c.Since == 0 && c.Start.IsZero() {
		return nil, fmt.Errorf("%s: which part of its history? Give since: 24h, or start: and end:, in the source file", c.Identity())
	}
	s, err := Connect(c, l)
	if err != nil {
		return nil, err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return nil, err
	}
	a := &Archive{Server: s, start: c.Start, end: c.End, settled: now.Add(-settling), identity: c.Identity()}
	if a.end.IsZero() {
		a.end = a.settled
		if a.start.IsZero() {
			a.end = a.settled.Truncate(grid(c.Since))
		}
	}
	if a.start.IsZero() {
		a.start = a.end.Add(-c.Since)
	}
	a.narrow = newNarrowed(unnarrowed{a}, true)
	a.start, a.end = a.start.UTC().Truncate(time.Millisecond), a.end.UTC().Truncate(time.Millisecond)
	if !a.end.After(a.start) {
		return nil, fmt.Errorf("%s: the end, %s, is not after the start, %s", s, a.end.Format(time.RFC3339), a.start.Format(time.RFC3339))
	}
	return a, nil
}

// Span implements History.
func (a *Archive) Span() (start, end time.Time) { return a.start, a.end }

// Range implements Source. Of the alternatives of a query, those are sent whose
// metrics the span has; see Narrow.
func (a *Archive) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	return a.narrow.Range(ctx, expr, start, end, step)
}

// unnarrowed is an Archive that sends queries as they are.
type unnarrowed struct{ *Archive }

func (u unnarrowed) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	return u.Server.Range(ctx, expr, start, end, step)
}

// Identity names the server and the tenant, and the time up to which what it
// holds will not change any more, unless it forgets it.
func (a *Archive) Identity() (name string, settled time.Time) { return a.identity, a.settled }

// ScrapeInterval implements History: what Measure found.
func (a *Archive) ScrapeInterval() time.Duration { return a.interval }

// Metrics implements Source: those of the span.
func (a *Archive) Metrics(ctx context.Context) ([]string, error) {
	return a.metrics(ctx, a.start, a.end)
}

// Measure finds the scrape interval of a schema's metrics.
func (a *Archive) Measure(ctx context.Context, s *mesh.Schema) error {
	usual, _, err := a.Intervals(ctx, s, a.start, a.end)
	a.interval = usual
	return err
}

// Intervals returns the median time between two samples, of a few series of
// each metric that the schema names, and that of the slowest of them. They are
// measured near the end of the span from start to end, or where nothing is
// there, earlier in it.
func (s *Server) Intervals(ctx context.Context, schema *mesh.Schema, start, end time.Time) (usual, slowest time.Duration, err error) {
	selectors, err := Selectors(schema)
	if err != nil {
		return 0, 0, err
	}
	const short, long = 10 * time.Minute, 2 * time.Hour
	span := end.Sub(start)
	for _, look := range []struct{ back, length time.Duration }{{0, short}, {0, long}, {span / 2, long}, {span - long, long}} {
		var mu sync.Mutex
		var all [][]int64
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(s.limits.Parallel)
		for _, selector := range selectors {
			g.Go(func() error {
				series, err := s.someGaps(ctx, selector, end.Add(-max(look.back, 0)), min(look.length, span))
				mu.Lock()
				defer mu.Unlock()
				all = append(all, series...)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return 0, 0, fmt.Errorf("find the scrape interval: %w", err)
		}
		if len(all) > 0 {
			usual, slowest = intervals(all)
			return usual, slowest, nil
		}
	}
	return 0, 0, fmt.Errorf("%s: no series that schema %s names has two samples within two hours, from %s to %s: the scrape interval cannot be found; is it the right span, and the right tenant?",
		s, schema.Name, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
}

// fewSeries is how many series of a selector are read for the scrape interval.
const fewSeries = 3

// someGaps returns the times between the samples of a few series of a
// selector, for each series. Which ones it has is asked first, so that never
// all of them are transferred.
func (s *Server) someGaps(ctx context.Context, selector string, end time.Time, length time.Duration) ([][]int64, error) {
	within := model.Duration(length)
	rows, err := s.Range(ctx, fmt.Sprintf("topk(%d, count_over_time(%s[%s]))", fewSeries, selector, within), end, end, 0)
	if err != nil {
		return nil, err
	}
	name, err := selectorName(selector)
	if err != nil {
		return nil, err
	}
	var all [][]int64
	for _, row := range rows {
		matchers := []*labels.Matcher{}
		if name != "" {
			matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
		}
		for label, value := range row.Labels {
			if label != model.MetricNameLabel {
				matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, label, value))
			}
		}
		raw, err := s.Pull(ctx, []string{selectorText(matchers)}, end.Add(-length), end)
		if err != nil {
			return nil, err
		}
		for _, x := range raw.series {
			if gaps := x.samples.gaps(nil); len(gaps) > 0 {
				all = append(all, gaps)
			}
		}
	}
	return all, nil
}
