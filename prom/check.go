package prom

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/fairway-mesh/fairway/mesh"
)

// Missing is a metric that a query names and the source does not have.
type Missing struct {
	Series      string   // of the schema
	Metric      string   // what its query names
	Suggestions []string // metrics of the source with similar names, the most similar first
}

func (m Missing) String() string {
	if len(m.Suggestions) == 0 {
		return fmt.Sprintf("%s asks for %s, which does not exist", m.Series, m.Metric)
	}
	return fmt.Sprintf("%s asks for %s, which does not exist; there is %s", m.Series, m.Metric, strings.Join(m.Suggestions, ", "))
}

// Misfit is the error for a source that has nothing of what a schema asks for.
type Misfit struct {
	Schema  string
	Missing []Missing
	Have    []string // the metrics that exist, sorted
}

func (m *Misfit) Error() string {
	lines := []string{fmt.Sprintf("schema %s does not fit: none of its metrics exists", m.Schema)}
	for _, x := range m.Missing {
		lines = append(lines, "  "+x.String())
	}
	return strings.Join(append(lines, existing(m.Have), "give another schema, or one of your own"), "\n")
}

// manyNames bounds how many metrics an error names.
const manyNames = 20

// existing says what a source has instead: of many metrics, first those of which
// a schema could be made.
func existing(have []string) string {
	switch n := len(have); {
	case n == 0:
		return "there is no metric at all"
	case n > manyNames:
		telling := slices.Clone(have)
		slices.SortStableFunc(telling, func(a, b string) int { return cmp.Compare(remoteness(a), remoteness(b)) })
		return fmt.Sprintf("there are %s, and %d more", strings.Join(telling[:manyNames], ", "), n-manyNames)
	}
	return "there are " + strings.Join(have, ", ")
}

// remoteness is how little a metric's name has to do with requests.
func remoteness(metric string) int {
	about := func(word string) bool { return strings.Contains(metric, word) }
	switch {
	case slices.ContainsFunc([]string{"go_", "process_", "promhttp_", "prometheus_", "scrape_", "net_conntrack_"}, func(own string) bool { return strings.HasPrefix(metric, own) }):
		return 2 // what every program tells of itself
	case slices.ContainsFunc([]string{"request", "response", "latency", "duration", "call"}, about):
		return 0
	}
	return 1
}

// Check returns the metrics that the schema's queries name and src lacks, in
// the order of the series. What is missing is a column that stays unknown;
// when nothing at all exists the error is a *Misfit.
func Check(ctx context.Context, src Source, s *mesh.Schema) ([]Missing, error) {
	have, err := src.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	missing, found, err := check(s, have)
	if err != nil {
		return nil, err
	}
	if !found && len(missing) > 0 {
		return missing, &Misfit{s.Name, missing, have}
	}
	return missing, nil
}

// check is Check with the names of the metrics that exist, sorted. It reports
// found when one of the schema's is among them.
func check(s *mesh.Schema, have []string) (missing []Missing, found bool, err error) {
	for _, series := range s.Series {
		ways, err := alternatives(series.Query)
		if err != nil {
			return nil, false, fmt.Errorf("schema %s, series %s: %w", s.Name, series.Name, err)
		}
		// Of several alternatives the one of which most exists is meant; what
		// the others lack is not missed.
		var fewest []string
		begun := false
		for i, way := range ways {
			lacking, some := lacks(way, have)
			found = found || some
			if i == 0 || some && (!begun || len(lacking) < len(fewest)) {
				fewest = lacking
			}
			begun = begun || some
		}
		for _, name := range fewest {
			missing = append(missing, Missing{series.Name, name, similar(name, have)})
		}
	}
	return missing, found, nil
}

// lacks lists the metrics that expr names and that do not exist, and reports
// whether one of those that it names does.
func lacks(expr parser.Expr, have []string) (lacking []string, some bool) {
	for _, name := range named(expr) {
		if _, ok := slices.BinarySearch(have, name); ok {
			some = true
		} else {
			lacking = append(lacking, name)
		}
	}
	return lacking, some
}

// alternatives are the ways in which a query can have a result: what stands
// between `or` at its outermost, inside of what only rewrites labels. An `or`
// further inside is a union, of which every part belongs.
func alternatives(query string) ([]parser.Expr, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(query, time.Minute))
	if err != nil {
		return nil, err
	}
	return unwrapped(expr), nil
}

// unwrapped are the alternatives of an expression.
func unwrapped(expr parser.Expr) []parser.Expr {
	for {
		call, ok := expr.(*parser.Call)
		if !ok || !onlyLabels(call) {
			return split(expr)
		}
		expr = call.Args[0]
	}
}

// onlyLabels reports whether a call changes labels and nothing else.
func onlyLabels(call *parser.Call) bool {
	return call.Func.Name == "label_replace" || call.Func.Name == "label_join"
}

// split returns what stands between `or` at the outermost.
func split(expr parser.Expr) []parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return split(e.Expr)
	case *parser.BinaryExpr:
		if e.Op == parser.LOR {
			return append(split(e.LHS), split(e.RHS)...)
		}
	}
	return []parser.Expr{expr}
}

// named lists the metrics that an expression names, each once.
func named(expr parser.Expr) []string {
	var names []string
	for _, selectors := range parser.ExtractSelectors(expr) {
		for _, m := range selectors {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && !slices.Contains(names, m.Value) {
				names = append(names, m.Value)
			}
		}
	}
	return names
}
