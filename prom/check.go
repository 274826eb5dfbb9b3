package prom

import (
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

// existing says what a source has instead.
func existing(have []string) string {
	switch n := len(have); {
	case n == 0:
		return "there is no metric at all"
	case n > manyNames:
		return fmt.Sprintf("there are %s, and %d more", strings.Join(have[:manyNames], ", "), n-manyNames)
	}
	return "there are " + strings.Join(have, ", ")
}

// Check returns the metrics that the schema's queries name and src lacks, in
// the order of the series. What is missing is a column that stays unknown;
// when nothing at all exists the error is a *Misfit.
func Check(ctx context.Context, src Source, s *mesh.Schema) ([]Missing, error) {
	have, err := src.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	var missing []Missing
	found := false
	for _, series := range s.Series {
		names, err := named(series.Query)
		if err != nil {
			return nil, fmt.Errorf("schema %s, series %s: %w", s.Name, series.Name, err)
		}
		for _, name := range names {
			if _, ok := slices.BinarySearch(have, name); ok {
				found = true
				continue
			}
			missing = append(missing, Missing{series.Name, name, similar(name, have)})
		}
	}
	if !found && len(missing) > 0 {
		return missing, &Misfit{s.Name, missing, have}
	}
	return missing, nil
}

// named lists the metrics that a query names, each once.
func named(query string) ([]string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(query, time.Minute))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, selectors := range parser.ExtractSelectors(expr) {
		for _, m := range selectors {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && !slices.Contains(names, m.Value) {
				names = append(names, m.Value)
			}
		}
	}
	return names, nil
}

// Detect returns the built-in schema of which src has the most series, whole,
// provided that one of them is the request rate. The error says what is
// missing for each.
func Detect(ctx context.Context, src Source) (*mesh.Schema, error) {
	var best *mesh.Schema
	most := 0
	complaint := []string{"no built-in schema fits; give one of your own"}
	for _, name := range Builtins() {
		s, _ := Builtin(name)
		missing, err := Check(ctx, src, s)
		if _, misfit := err.(*Misfit); err != nil && !misfit {
			return nil, err
		}
		lacking := map[string]bool{}
		for _, m := range missing {
			lacking[m.Series] = true
		}
		whole := len(s.Series) - len(lacking)
		if !lacking[mesh.RequestRate] && whole > most {
			best, most = s, whole
		}
		complaint = append(complaint, fmt.Sprintf("  %s lacks %s", name, metrics(missing)))
	}
	if best == nil {
		have, err := src.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		complaint = append(complaint, existing(have))
		return nil, fmt.Errorf("%s", strings.Join(complaint, "\n"))
	}
	return best, nil
}

// metrics lists the names of missing metrics, each once.
func metrics(missing []Missing) string {
	var names []string
	for _, m := range missing {
		if !slices.Contains(names, m.Metric) {
			names = append(names, m.Metric)
		}
	}
	return strings.Join(names, ", ")
}
