package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// dumpSlice is how much time is read from Prometheus at once.
const dumpSlice = 10 * time.Minute

// dump writes every raw sample within [start, end] as OpenMetrics text, and
// returns how many there are.
func dump(ctx context.Context, p prometheus.API, start, end time.Time, w io.Writer) (samples int, err error) {
	types, err := describe(ctx, p)
	if err != nil {
		return 0, err
	}
	names, _, err := p.LabelValues(ctx, model.MetricNameLabel, nil, start, end)
	if err != nil {
		return 0, fmt.Errorf("list the metrics: %w", err)
	}
	families := map[string][]string{} // the metrics of each
	for _, n := range names {
		metric := string(n)
		if strings.HasPrefix(metric, "scrape_") { // what Prometheus says of itself
			continue
		}
		name, _, _ := familyOf(metric, types)
		families[name] = append(families[name], metric)
	}
	out := bufio.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := family{}
		for _, metric := range families[name] {
			f.name, f.kind, f.help = familyOf(metric, types)
			series, err := rawSamples(ctx, p, metric, start, end)
			if err != nil {
				return samples, err
			}
			f.series = append(f.series, series...)
		}
		samples += writeFamily(out, f)
	}
	out.WriteString("# EOF\n")
	return samples, out.Flush()
}

// describe returns the type and help of every metric that has one.
func describe(ctx context.Context, p prometheus.API) (map[string]described, error) {
	found, err := p.Metadata(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("read the metadata: %w", err)
	}
	types := map[string]described{}
	for name, all := range found {
		if len(all) > 0 {
			types[name] = described{string(all[0].Type), all[0].Help}
		}
	}
	return types, nil
}

// rawSamples reads the samples of a metric as they were scraped: a query for
// one instant whose range selector covers a slice of the time.
func rawSamples(ctx context.Context, p prometheus.API, metric string, start, end time.Time) ([]*model.SampleStream, error) {
	joined := map[model.Fingerprint]*model.SampleStream{}
	after := start.Add(-time.Millisecond)
	for after.Before(end) {
		to := after.Add(dumpSlice)
		if to.After(end) {
			to = end
		}
		// One millisecond more than the slice: whether a selector includes its
		// older end depends on the version of Prometheus.
		span := model.Duration(to.Sub(after) + time.Millisecond)
		value, _, err := p.Query(ctx, fmt.Sprintf(`{__name__=%q}[%s]`, metric, span), to)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", metric, err)
		}
		matrix, ok := value.(model.Matrix)
		if !ok {
			return nil, fmt.Errorf("read %s: Prometheus answered a %s; want a matrix", metric, value.Type())
		}
		for _, s := range matrix {
			into := joined[s.Metric.Fingerprint()]
			if into == nil {
				into = &model.SampleStream{Metric: s.Metric}
				joined[s.Metric.Fingerprint()] = into
			}
			for _, v := range s.Values {
				if t := v.Timestamp.Time(); t.After(after) && !t.After(to) {
					into.Values = append(into.Values, v)
				}
			}
		}
		after = to
	}
	var series []*model.SampleStream
	for _, s := range joined {
		if len(s.Values) > 0 {
			series = append(series, s)
		}
	}
	return series, nil
}
