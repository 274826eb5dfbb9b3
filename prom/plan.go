package prom

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// plan is how the queries of a schema are evaluated over one history without
// doing the same work twice. What several queries ask for, such as the buckets
// under three quantiles or the rate under a ratio, is evaluated once, and the
// queries read the results through a selector in its place.
//
// The numbers are the same, bit for bit, as those of the queries on their own:
// the engine itself evaluates every part, and a result stands in only where
// the order of its rows does not matter (see elementwise), since the engine
// returns rows in another order than it adds them up in.
type plan struct {
	shared  []part // each needs only earlier ones
	queries []part
}

// part is one expression to evaluate.
type part struct {
	expr  string
	needs []int // the shared ones that it reads
}

// sharedLabel is the only matcher of a selector that stands for a shared part.
const sharedLabel = "__fairway_shared__"

// newPlan takes the queries apart. They were checked when the schema was read.
func newPlan(queries []string) (*plan, error) {
	p := planner{times: map[string]int{}, place: map[string]int{}}
	exprs := make([]parser.Expr, len(queries))
	for i, query := range queries {
		var err error
		if exprs[i], err = parser.NewParser(parser.Options{}).ParseExpr(query); err != nil {
			return nil, fmt.Errorf("query %q: %w", query, err)
		}
		p.count(exprs[i])
	}
	for i, expr := range exprs {
		var needs []int
		replaced := p.replace(expr, &needs)
		text := queries[i]
		if len(needs) > 0 {
			text = replaced.String()
		}
		p.queries = append(p.queries, part{text, needs})
	}
	return &p.plan, nil
}

type planner struct {
	plan
	times map[string]int // how often an expression is asked for
	place map[string]int // of those in shared
}

// count counts the expressions that may be shared. What is inside of one that
// occurs again is evaluated with it, and not counted again.
func (p *planner) count(expr parser.Expr) {
	if shareable(expr) {
		text := expr.String()
		if p.times[text]++; p.times[text] > 1 {
			return
		}
	}
	for _, child := range operands(expr) {
		p.count(*child)
	}
}

// replace returns expr with selectors in place of what is shared.
func (p *planner) replace(expr parser.Expr, needs *[]int) parser.Expr {
	if !shareable(expr) || p.times[expr.String()] < 2 {
		p.descend(expr, needs)
		return expr
	}
	text := expr.String()
	at, known := p.place[text]
	if !known {
		var own []int
		p.descend(expr, &own)
		at = len(p.shared)
		p.place[text] = at
		p.shared = append(p.shared, part{expr.String(), own})
	}
	if !slices.Contains(*needs, at) {
		*needs = append(*needs, at)
	}
	return selectorOf(at)
}

func (p *planner) descend(expr parser.Expr, needs *[]int) {
	for _, child := range operands(expr) {
		*child = p.replace(*child, needs)
	}
}

func selectorOf(at int) parser.Expr {
	matcher := labels.MustNewMatcher(labels.MatchEqual, sharedLabel, strconv.Itoa(at))
	return &parser.VectorSelector{LabelMatchers: []*labels.Matcher{matcher}}
}

// shareable reports whether the results of expr can stand in for it: a vector
// of its own numbers at each step, not a selector of what was recorded.
func shareable(expr parser.Expr) bool {
	switch expr.(type) {
	case *parser.AggregateExpr, *parser.BinaryExpr, *parser.Call:
		return expr.Type() == parser.ValueTypeVector
	}
	return false
}

// elementwise are functions whose result depends neither on the order of rows
// nor on where they come from.
var elementwise = []string{
	"histogram_quantile", "histogram_avg", "histogram_count", "histogram_sum", "histogram_fraction",
	"label_replace", "label_join", "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max",
	"exp", "ln", "log2", "log10", "sqrt", "sgn",
}

// operands returns where the parts of expr are for which results may stand in.
// There are none below an aggregation, which would add up in another order,
// nor below a subquery, which looks at other times.
func operands(expr parser.Expr) []*parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return []*parser.Expr{&e.Expr}
	case *parser.UnaryExpr:
		return []*parser.Expr{&e.Expr}
	case *parser.BinaryExpr:
		return []*parser.Expr{&e.LHS, &e.RHS}
	case *parser.Call:
		if !slices.Contains(elementwise, e.Func.Name) {
			return nil
		}
		var all []*parser.Expr
		for i := range e.Args {
			all = append(all, &e.Args[i])
		}
		return all
	}
	return nil
}
