package lab

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
)

// family is all samples of the metrics that belong together.
type family struct {
	name, kind, help string // kind as OpenMetrics calls it, "unknown" included
	series           []*model.SampleStream
}

// familyOf names the family that a metric belongs to, by the type that
// Prometheus has seen. A name that OpenMetrics does not allow for that type
// becomes a family of unknown type, as it stands.
func familyOf(metric string, types map[string]described) (name, kind, help string) {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name := strings.TrimSuffix(metric, suffix)
		if d := types[name]; name != metric && d.kind == "histogram" {
			return name, "histogram", d.help
		}
	}
	d := types[metric]
	switch name := strings.TrimSuffix(metric, "_total"); {
	case d.kind == "counter" && name != metric:
		return name, "counter", d.help
	case d.kind == "gauge":
		return metric, "gauge", d.help
	}
	return metric, "unknown", d.help
}

// described is what Prometheus knows about a metric.
type described struct{ kind, help string }

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// writeFamily writes a family as OpenMetrics text: its series in order of
// their labels, the samples of each in order of time. It returns how many
// samples these are; errors of w stay in w until it is flushed.
func writeFamily(w *bufio.Writer, f family) (samples int) {
	fmt.Fprintf(w, "# TYPE %s %s\n", f.name, f.kind)
	if f.help != "" {
		fmt.Fprintf(w, "# HELP %s %s\n", f.name, escape.Replace(f.help))
	}
	type named struct {
		name   string
		stream *model.SampleStream
	}
	order := make([]named, len(f.series))
	for i, s := range f.series {
		order[i] = named{seriesName(s.Metric), s}
	}
	slices.SortFunc(order, func(a, b named) int { return strings.Compare(a.name, b.name) })
	for _, s := range order {
		samples += len(s.stream.Values)
		for _, sample := range s.stream.Values {
			w.WriteString(s.name)
			w.WriteByte(' ')
			w.WriteString(strconv.FormatFloat(float64(sample.Value), 'g', -1, 64))
			w.WriteByte(' ')
			w.WriteString(strconv.FormatFloat(float64(sample.Timestamp)/1000, 'f', 3, 64))
			w.WriteByte('\n')
		}
	}
	return samples
}

// seriesName is name{label="value",…} with the labels sorted.
func seriesName(m model.Metric) string {
	var names []string
	for name := range m {
		if name != model.MetricNameLabel {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(string(m[model.MetricNameLabel]))
	for i, name := range names {
		names[i] = name + `="` + escape.Replace(string(m[model.LabelName(name)])) + `"`
	}
	if len(names) > 0 {
		b.WriteString("{" + strings.Join(names, ",") + "}")
	}
	return b.String()
}
