package generated

import (
	"bufio"
	"context"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// WriteText writes the mesh as OpenMetrics, a series after the other. All its
// samples are in memory meanwhile.
func (m Mesh) WriteText(ctx context.Context, into io.Writer) error {
	w := bufio.NewWriterSize(into, 1<<20)
	width := len(seriesOf(0))
	values := make([][]float64, m.Endpoints)
	for number := range m.Endpoints {
		e := newEndpoint(m.Seed, number)
		for range m.scrapes() {
			values[number] = e.scrape(values[number], m.Scrape)
		}
	}
	family := ""
	var line []byte
	for _, column := range byFamily() {
		for number := range m.Endpoints {
			if err := ctx.Err(); err != nil {
				return err
			}
			l := seriesOf(number)[column]
			if name := familyOf(l.Get(model.MetricNameLabel)); name != family {
				family = name
				w.WriteString("# TYPE " + family + " " + kindOf(l.Get(model.MetricNameLabel)) + "\n")
			}
			head := exposition(l)
			for i := range m.scrapes() {
				line = append(append(line[:0], head...), ' ')
				line = number64(line, values[number][i*width+column])
				line = append(line, ' ')
				line = strconv.AppendFloat(line, float64(m.Start.UnixMilli()+int64(i)*m.Scrape.Milliseconds())/1000, 'f', -1, 64)
				w.Write(append(line, '\n'))
			}
		}
	}
	w.WriteString("# EOF\n")
	return w.Flush() // bufio keeps the first error
}

// byFamily lists the columns such that those of a metric family are together.
func byFamily() []int {
	all := seriesOf(0)
	columns := make([]int, len(all))
	for i := range columns {
		columns[i] = i
	}
	slices.SortStableFunc(columns, func(a, b int) int {
		return strings.Compare(familyOf(all[a].Get(model.MetricNameLabel)), familyOf(all[b].Get(model.MetricNameLabel)))
	})
	return columns
}

func familyOf(metric string) string {
	for _, end := range []string{"_total", "_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(metric, end); ok {
			return name
		}
	}
	return metric
}

func kindOf(metric string) string {
	switch family := familyOf(metric); {
	case strings.HasSuffix(metric, "_total"):
		return "counter"
	case family != metric:
		return "histogram"
	}
	return "gauge"
}

// exposition is the name and the labels of a series as OpenMetrics has them.
func exposition(l labels.Labels) string {
	var b strings.Builder
	b.WriteString(l.Get(model.MetricNameLabel))
	b.WriteByte('{')
	first := true
	l.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(l.Name + "=" + strconv.Quote(l.Value))
	})
	b.WriteByte('}')
	return b.String()
}

func number64(line []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.AppendInt(line, int64(v), 10)
	}
	return strconv.AppendFloat(line, v, 'g', -1, 64)
}
