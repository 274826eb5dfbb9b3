package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Criterion asks something of the current metrics of a route's endpoints,
// such as p99 < 200 ms. Limit has the unit of the series: seconds, ratio,
// requests/s or requests.
type Criterion struct {
	Metric string // a name of criteria
	Op     string // <, <=, > or >=
	Limit  float64
}

// measure says how a criterion's metric is read from a window.
type measure struct {
	name, series string
	sum          bool // summed over the endpoints; else their mean, weighted by requests
	seconds      bool
}

var measures = []measure{
	{name: "mean", series: mesh.LatencyMean, seconds: true},
	{name: "p50", series: mesh.LatencyP50, seconds: true},
	{name: "p90", series: mesh.LatencyP90, seconds: true},
	{name: "p99", series: mesh.LatencyP99, seconds: true},
	{name: "error_ratio", series: mesh.ErrorRatio},
	{name: "request_rate", series: mesh.RequestRate, sum: true},
	{name: "in_flight", series: mesh.InFlight, sum: true},
	{name: "utilization", series: mesh.Utilization},
}

func measureOf(name string) (measure, bool) {
	for _, m := range measures {
		if m.name == name {
			return m, true
		}
	}
	return measure{}, false
}

func measureNames() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// ParseCriterion reads a comparison such as "<200ms" or ">= 0.05".
func ParseCriterion(metric, text string) (Criterion, error) {
	m, ok := measureOf(metric)
	if !ok {
		return Criterion{}, fmt.Errorf("criterion %q is not known; use one of %s", metric, strings.Join(measureNames(), ", "))
	}
	rest := strings.TrimLeft(text, "<>=")
	op := text[:len(text)-len(rest)]
	rest = strings.TrimSpace(rest)
	switch op {
	case "<", "<=", ">", ">=":
	default:
		return Criterion{}, fmt.Errorf("criterion %s is %q; begin it with <, <=, > or >=, as in %s", metric, text, m.example())
	}
	limit, err := m.parse(rest)
	if err != nil {
		return Criterion{}, fmt.Errorf("criterion %s is %q; write it as in %s", metric, text, m.example())
	}
	if metric == "error_ratio" && (limit < 0 || limit > 1) {
		return Criterion{}, fmt.Errorf("criterion %s is %q; a ratio lies between 0 and 1: write 5 %% as 0.05", metric, text)
	}
	return Criterion{Metric: metric, Op: op, Limit: limit}, nil
}

func (m measure) parse(text string) (float64, error) {
	if m.seconds {
		d, err := time.ParseDuration(text)
		return d.Seconds(), err
	}
	x, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = fmt.Errorf("%v is not a limit", x)
	}
	return x, err
}

func (m measure) example() string {
	if m.seconds {
		return "<200ms"
	}
	return "<0.05 or >1000"
}

func (c Criterion) String() string {
	limit := strconv.FormatFloat(c.Limit, 'g', -1, 64)
	if m, _ := measureOf(c.Metric); m.seconds {
		limit = time.Duration(math.Round(c.Limit * 1e9)).String()
	}
	return fmt.Sprintf("%s %s %s", c.Metric, c.Op, limit)
}

// Met reads the criterion from the window's endpoints for which target is
// true, and returns what it read. Request rates and requests in flight are
// summed; all else is the mean weighted by requests (of quantiles an
// approximation, as quantiles do not add). Unknown is NaN and not met.
func (c Criterion) Met(w *mesh.Window, target func(i int) bool) (value float64, met bool) {
	m, _ := measureOf(c.Metric)
	column := -1
	if w.Schema != nil {
		column = w.Schema.Index(m.series)
	}
	if column < 0 {
		return math.NaN(), false
	}
	sum, weights := 0.0, 0.0
	for i := range w.Endpoints {
		x := w.Row(i)[column]
		if !target(i) || math.IsNaN(x) {
			continue
		}
		weight := 1.0
		if !m.sum {
			weight = max(requests(w, i), 1e-9) // no traffic: a plain mean
		}
		sum, weights = sum+weight*x, weights+weight
	}
	switch {
	case weights == 0:
		return math.NaN(), false
	case m.sum:
		value = sum
	default:
		value = sum / weights
	}
	return value, c.holds(value)
}

func requests(w *mesh.Window, i int) float64 {
	if i < len(w.Requests) && w.Requests[i] > 0 {
		return w.Requests[i]
	}
	return 0
}

func (c Criterion) holds(value float64) bool {
	switch c.Op {
	case "<":
		return value < c.Limit
	case "<=":
		return value <= c.Limit
	case ">":
		return value > c.Limit
	}
	return value >= c.Limit
}
