package prom

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// rewriteStep gives a label of every series that the queries select another
// value, before anything is summed or joined: relabelling, but at the query.
type rewriteStep struct {
	Label     string   `yaml:"label"`
	From      []string `yaml:"from"`
	Separator *string  `yaml:"separator"`
	Match     string   `yaml:"match"`
	To        *string  `yaml:"to"`
}

func (f *schemaFile) checkRewrite() *misstep {
	for i, step := range f.Rewrite {
		for _, label := range append([]string{step.Label}, step.From...) {
			if !model.UTF8Validation.IsValidLabelName(label) {
				return wrong(fmt.Errorf("rewrite %d: %q is no name of a label", i+1, label), "rewrite", i)
			}
		}
		if _, err := regexp.Compile("^(?s:" + step.Match + ")$"); err != nil {
			return wrong(fmt.Errorf("rewrite %d: match: %w", i+1, err), "rewrite", i, "match")
		}
		if len(step.From) == 0 && step.Match == "" {
			return wrong(fmt.Errorf("rewrite %d needs from or match: as it stands it changes nothing", i+1), "rewrite", i)
		}
	}
	return nil
}

// placeholder stands for $range while a query is taken apart; nobody writes it.
const placeholder = 8*time.Hour + 59*time.Minute + 57*time.Second + 917*time.Millisecond

// rewritten applies the steps to all that the query selects.
func rewritten(query string, steps []rewriteStep) (string, error) {
	if len(steps) == 0 {
		return query, nil
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(query, placeholder))
	if err != nil {
		return "", err
	}
	r := rewriter{steps: steps}
	return withoutPlaceholder(r.apply(expr).String()), r.err
}

func withoutPlaceholder(query string) string {
	return strings.ReplaceAll(query, model.Duration(placeholder).String(), "$range")
}

type rewriter struct {
	steps []rewriteStep
	err   error
}

// apply returns the expression with the steps around each of its parts that
// brings series from the source.
func (r *rewriter) apply(expr parser.Expr) parser.Expr {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return r.wrap(e)
	case *parser.Call:
		if bringsSeries(e) {
			return r.wrap(e)
		}
		for i := range e.Args {
			e.Args[i] = r.apply(e.Args[i])
		}
	case *parser.AggregateExpr:
		e.Expr = r.apply(e.Expr)
	case *parser.BinaryExpr:
		e.LHS, e.RHS = r.apply(e.LHS), r.apply(e.RHS)
	case *parser.ParenExpr:
		e.Expr = r.apply(e.Expr)
	case *parser.UnaryExpr:
		e.Expr = r.apply(e.Expr)
	case *parser.SubqueryExpr:
		e.Expr = r.apply(e.Expr)
	case *parser.NumberLiteral, *parser.StringLiteral:
	default:
		r.err = errors.Join(r.err, fmt.Errorf("rewrite cannot look into %s", expr))
	}
	return expr
}

// bringsSeries reports whether a call is over a range of samples, or over their
// times, which it would not see through another function.
func bringsSeries(call *parser.Call) bool {
	for _, arg := range call.Args {
		switch arg.(type) {
		case *parser.MatrixSelector:
			return true
		case *parser.VectorSelector:
			return call.Func.Name == "timestamp"
		}
	}
	return false
}

// joined holds several labels as one while a step looks at them.
const joined = "fairway_joined"

func (r *rewriter) wrap(expr parser.Expr) parser.Expr {
	query := expr.String()
	for _, step := range r.steps {
		query = step.wrap(query)
	}
	wrapped, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	r.err = errors.Join(r.err, err)
	if err != nil {
		return expr
	}
	return wrapped
}

// wrap puts the step around a query.
func (s rewriteStep) wrap(query string) string {
	match, to, separator, from := s.Match, "$1", ".", s.Label
	if s.Separator != nil {
		separator = *s.Separator
	}
	if match == "" { // none of the labels may be missing
		match = ".+" + strings.Repeat(regexp.QuoteMeta(separator)+".+", max(0, len(s.From)-1))
	}
	if s.To != nil {
		to = *s.To
	} else {
		match = "(" + match + ")"
	}
	if len(s.From) == 1 {
		from = s.From[0]
	}
	if len(s.From) > 1 {
		var names strings.Builder
		for _, name := range s.From {
			fmt.Fprintf(&names, ", %q", name)
		}
		query, from = fmt.Sprintf("label_join(%s, %q, %q%s)", query, joined, separator, names.String()), joined
	}
	query = fmt.Sprintf("label_replace(%s, %q, %q, %q, %q)", query, s.Label, to, from, match)
	if from == joined {
		query = fmt.Sprintf("label_replace(%s, %q, %q, %q, %q)", query, joined, "", "", "")
	}
	return query
}
