package prom

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/mesh"
)

// Raw is samples as they were scraped. It is filled by Pull and then only read.
type Raw struct {
	Histograms []string // metrics of which native histograms were left out: the HTTP API does not give them raw
	series     []*pulled
	byHash     map[uint64][]*pulled
}

// pulled is one series, its samples in ascending time.
type pulled struct {
	labels  labels.Labels
	samples points
}

// Selectors returns what a schema's queries select, each selector once, and
// up: without those that another one contains.
func Selectors(s *mesh.Schema) ([]string, error) {
	var all [][]*labels.Matcher
	up := false
	for _, series := range s.Series {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(series.Query, time.Minute))
		if err != nil {
			return nil, fmt.Errorf("schema %s, series %s: %w", s.Name, series.Name, err)
		}
		for _, matchers := range parser.ExtractSelectors(expr) {
			all = append(all, matchers)
			up = up || nameOf(matchers) == "up"
		}
	}
	if !up {
		all = append(all, []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "up")})
	}
	var texts []string
	for i, a := range all {
		contained := slices.ContainsFunc(all, func(b []*labels.Matcher) bool { return len(b) < len(a) && subset(b, a) })
		if text := selectorText(all[i]); !contained && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// subset reports whether b has all matchers that a has.
func subset(a, b []*labels.Matcher) bool {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y *labels.Matcher) bool { return x.String() == y.String() }) {
			return false
		}
	}
	return true
}

func nameOf(matchers []*labels.Matcher) string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// selectorText writes matchers so that equal ones give equal texts.
func selectorText(matchers []*labels.Matcher) string {
	texts := make([]string, len(matchers))
	for i, m := range matchers {
		texts[i] = m.String()
	}
	slices.Sort(texts)
	return "{" + strings.Join(slices.Compact(texts), ",") + "}"
}

func selectorName(selector string) (string, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	return nameOf(matchers), err
}

// Pull reads the samples that selectors select and whose times lie in
// (after, until], in milliseconds, as they were scraped: a query for one
// instant with a range selector. Stale markers are not among them. A request
// that the server finds too heavy is cut in half.
func (s *Server) Pull(ctx context.Context, selectors []string, after, until time.Time) (*Raw, error) {
	raw := &Raw{byHash: map[uint64][]*pulled{}}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.limits.Parallel)
	for _, selector := range selectors {
		g.Go(func() error {
			streams, err := s.pull(ctx, selector, after.UnixMilli(), until.UnixMilli())
			if err != nil {
				return fmt.Errorf("%s: read %s: %w", s.url, selector, err)
			}
			mu.Lock()
			defer mu.Unlock()
			return raw.add(streams)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(raw.series, func(a, b *pulled) int { return labels.Compare(a.labels, b.labels) })
	slices.Sort(raw.Histograms)
	return raw, nil
}

// pull reads one selector, in ascending pieces of time.
func (s *Server) pull(ctx context.Context, selector string, after, until int64) ([]*model.SampleStream, error) {
	if most := s.limits.Span.Milliseconds(); until-after > most {
		return s.halves(ctx, selector, after, after+most, until)
	}
	// One millisecond more on either side, and only then cut: whether a
	// selector includes its older end depends on the version of Prometheus, and
	// VictoriaMetrics may round the time down.
	span := model.Duration(time.Duration(until-after+2) * time.Millisecond)
	value, warnings, err := s.api.Query(ctx, fmt.Sprintf("%s[%s]", selector, span), time.UnixMilli(until+1))
	if err = s.sound(err, warnings); err != nil {
		if heavy(err) && until-after > 1000 && ctx.Err() == nil {
			return s.halves(ctx, selector, after, (after+until)/2, until)
		}
		return nil, err
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("the answer is a %T; want a matrix", value)
	}
	for _, stream := range matrix {
		if stream == nil {
			return nil, errNull
		}
		stream.Values = slices.DeleteFunc(stream.Values, func(p model.SamplePair) bool { return int64(p.Timestamp) <= after || int64(p.Timestamp) > until })
	}
	return matrix, nil
}

func (s *Server) halves(ctx context.Context, selector string, after, middle, until int64) ([]*model.SampleStream, error) {
	left, err := s.pull(ctx, selector, after, middle)
	if err != nil {
		return nil, err
	}
	right, err := s.pull(ctx, selector, middle, until)
	return append(left, right...), err
}

// add takes what one selector gave. A series that another one gave too has the
// same samples there.
func (r *Raw) add(streams []*model.SampleStream) error {
	own := map[*pulled]bool{}
	for _, stream := range streams {
		l := labels.FromMap(labelMap(stream.Metric))
		if name := l.Get(model.MetricNameLabel); len(stream.Histograms) > 0 && !slices.Contains(r.Histograms, name) {
			r.Histograms = append(r.Histograms, name)
		}
		if len(stream.Values) == 0 {
			continue
		}
		same := r.byHash[l.Hash()]
		i := slices.IndexFunc(same, func(x *pulled) bool { return labels.Equal(x.labels, l) })
		if i < 0 {
			i = len(same)
			same = append(same, &pulled{labels: l})
			r.byHash[l.Hash()] = same
			r.series = append(r.series, same[i])
			own[same[i]] = true
		}
		into := same[i]
		if !own[into] {
			continue
		}
		for _, p := range stream.Values {
			if n := len(into.samples); n > 0 && int64(p.Timestamp) <= into.samples[n-1].t {
				return fmt.Errorf("%s: the server gives a sample at %s after the one at %s", l, clock(int64(p.Timestamp)), clock(into.samples[n-1].t))
			}
			into.samples = append(into.samples, point{sample{int64(p.Timestamp), float64(p.Value)}, nil})
		}
	}
	return nil
}

// Count is the number of samples.
func (r *Raw) Count() int {
	n := 0
	for _, s := range r.series {
		n += len(s.samples)
	}
	return n
}

// Times are those at which any series has a sample, in Unix milliseconds,
// ascending, each once.
func (r *Raw) Times() []int64 {
	var times []int64
	tidy := func() {
		slices.Sort(times)
		times = slices.Compact(times)
	}
	most := manyTimes
	for _, s := range r.series {
		for _, x := range s.samples {
			times = append(times, x.t)
		}
		if len(times) > most { // series of one target have the same times
			tidy()
			most = max(manyTimes, 2*len(times))
		}
	}
	tidy()
	return times
}

const manyTimes = 1 << 20
