package prom

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

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
	interval   time.Duration
}

// settling is how old the newest sample of an Archive without a given end is
// at least. Servers that are written to over the network, Mimir, Thanos and
// VictoriaMetrics, have a sample later than it is from, and the same question
// must not have another answer a moment later.
const settling = 30 * time.Second

// OpenArchive returns the span that the connection names of a server's
// history. The schema may be nil; then Measure has to be called before
// ScrapeInterval.
func OpenArchive(ctx context.Context, c *Connection, l Limits) (*Archive, error) {
	if c.Since == 0 && c.Start.IsZero() {
		return nil, fmt.Errorf("%s: which part of its history? Give since: 24h, or start: and end:, in the source file", c.Identity())
	}
	s, err := Connect(c, l)
	if err != nil {
		return nil, err
	}
	a := &Archive{Server: s, start: c.Start, end: c.End}
	if a.end.IsZero() {
		now, err := s.Now(ctx)
		if err != nil {
			return nil, err
		}
		a.end = now.Add(-settling)
	}
	if a.start.IsZero() {
		a.start = a.end.Add(-c.Since)
	}
	a.start, a.end = a.start.UTC().Truncate(time.Millisecond), a.end.UTC().Truncate(time.Millisecond)
	if !a.end.After(a.start) {
		return nil, fmt.Errorf("%s: the end, %s, is not after the start, %s", s, a.end.Format(time.RFC3339), a.start.Format(time.RFC3339))
	}
	return a, nil
}

// Span implements History.
func (a *Archive) Span() (start, end time.Time) { return a.start, a.end }

// ScrapeInterval implements History: what Measure found.
func (a *Archive) ScrapeInterval() time.Duration { return a.interval }

// Metrics implements Source: those of the span.
func (a *Archive) Metrics(ctx context.Context) ([]string, error) {
	return a.metrics(ctx, a.start, a.end)
}

// Measure finds the scrape interval of a schema's metrics.
func (a *Archive) Measure(ctx context.Context, s *mesh.Schema) error {
	interval, err := a.Server.Interval(ctx, s, a.start, a.end)
	a.interval = interval
	return err
}

// Interval is the median time between two samples of a few series that the
// schema names, or else of up, near the end of the span from start to end, or
// where nothing is there, earlier.
func (s *Server) Interval(ctx context.Context, schema *mesh.Schema, start, end time.Time) (time.Duration, error) {
	selectors, err := Selectors(schema)
	if err != nil {
		return 0, err
	}
	span := end.Sub(start)
	for _, look := range []struct{ back, length time.Duration }{{0, 10 * time.Minute}, {0, 2 * time.Hour}, {span / 2, 2 * time.Hour}, {span - 2*time.Hour, 2 * time.Hour}} {
		look.length = min(look.length, span)
		for _, selector := range selectors {
			gaps, err := s.someGaps(ctx, selector, end.Add(-max(look.back, 0)), look.length)
			if err != nil {
				return 0, fmt.Errorf("find the scrape interval: %w", err)
			}
			if len(gaps) > 0 {
				return time.Duration(median(gaps)) * time.Millisecond, nil
			}
		}
	}
	return 0, fmt.Errorf("%s: no series that schema %s names has two samples within two hours, from %s to %s: the scrape interval cannot be found; is it the right span, and the right tenant?",
		s, schema.Name, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
}

// fewSeries is how many series are read for the scrape interval.
const fewSeries = 5

// someGaps returns the times between the samples of a few series of a
// selector. Which series it has is asked first, so that never all of them are
// transferred.
func (s *Server) someGaps(ctx context.Context, selector string, end time.Time, length time.Duration) ([]int64, error) {
	within := model.Duration(length)
	rows, err := s.Range(ctx, fmt.Sprintf("topk(%d, count_over_time(%s[%s]))", fewSeries, selector, within), end, end, 0)
	if err != nil {
		return nil, err
	}
	name, err := selectorName(selector)
	if err != nil {
		return nil, err
	}
	var gaps []int64
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
			for i := 1; i < len(x.samples); i++ {
				gaps = append(gaps, x.samples[i].t-x.samples[i-1].t)
			}
		}
	}
	return gaps, nil
}
