package prom

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/fairway-mesh/fairway/mesh"
)

// Recognition is what schemas make of a source.
type Recognition struct {
	Fits []*Fit   // in order of the schemas
	Have []string // the metrics that exist, sorted
}

// Fit is how a schema fits a source.
type Fit struct {
	Schema   *mesh.Schema
	Missing  []Missing // metrics that the schema asks for in vain
	Services map[string]*FittedService
	// Blind says, of series whose metrics exist, why they tell nothing of any
	// endpoint: a label is missing.
	Blind map[string]string

	found bool // some metric exists that is not every schema's
}

// FittedService is what a schema tells of one service.
type FittedService struct {
	Endpoints []string       // sorted
	Series    map[string]int // endpoints that have the series, by its name
}

// looks is how many instants of a history are looked at to find out what is
// in it, and leastLook how far each look reaches back at least.
const (
	looks     = 24
	leastLook = 10 * time.Minute
)

// Recognise tries the schemas on what src holds from start to end; with start
// equal to end, on what it holds then. It looks at names and labels, not at
// values, at some instants of the span: one scrape is enough.
func Recognise(ctx context.Context, src Source, start, end time.Time, schemas ...*mesh.Schema) (*Recognition, error) {
	have, err := src.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	r := &Recognition{Have: have}
	step := (end.Sub(start) / looks).Truncate(time.Millisecond)
	if step <= 0 {
		start = end
	} else {
		start = start.Add(step)
	}
	for _, s := range schemas {
		fit := &Fit{Schema: s, Services: map[string]*FittedService{}, Blind: map[string]string{}}
		if fit.Missing, _, err = check(s, have); err != nil {
			return nil, err
		}
		if fit.found, err = distinct(s, have); err != nil {
			return nil, err
		}
		for i := range s.Series {
			if !fit.found {
				break
			}
			if err := fit.look(ctx, src, &s.Series[i], have, start, end, step); err != nil {
				return nil, fmt.Errorf("schema %s: %w", s.Name, err)
			}
		}
		r.Fits = append(r.Fits, fit)
	}
	return r, nil
}

// distinct reports whether a metric exists that the schema asks for and that is
// not common to many.
func distinct(s *mesh.Schema, have []string) (bool, error) {
	for _, series := range s.Series {
		ways, err := alternatives(series.Query)
		if err != nil {
			return false, fmt.Errorf("schema %s, series %s: %w", s.Name, series.Name, err)
		}
		for _, way := range ways {
			for _, name := range named(way) {
				if _, ok := slices.BinarySearch(have, name); ok && !common(name) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// look finds the services and endpoints that have a series.
func (f *Fit) look(ctx context.Context, src Source, series *mesh.Series, have []string, start, end time.Time, step time.Duration) error {
	ways, err := alternatives(series.Query)
	if err != nil {
		return fmt.Errorf("series %s: %w", series.Name, err)
	}
	whole := slices.IndexFunc(ways, func(way parser.Expr) bool {
		lacking, _ := lacks(way, have)
		return len(lacking) == 0
	})
	if whole < 0 {
		return nil
	}
	query, err := presence(series.Query, max(f.Schema.Range, leastLook), have)
	if err != nil {
		return fmt.Errorf("series %s: %w", series.Name, err)
	}
	rows, err := src.Range(ctx, query, start, end, step)
	if err != nil {
		return fmt.Errorf("series %s: %w", series.Name, err)
	}
	seen := map[[2]string]bool{}
	l := f.Schema.Labels
	for _, row := range rows {
		if key := [2]string{row.Labels[l.Service], row.Labels[l.Endpoint]}; key[0] != "" && key[1] != "" && !seen[key] {
			seen[key] = true
			f.add(key[0], key[1], series.Name)
		}
	}
	switch {
	case len(seen) > 0:
	case len(rows) == 0:
		why, err := f.nothing(ctx, src, ways[whole], start, end, step)
		if err != nil {
			return fmt.Errorf("series %s: %w", series.Name, err)
		}
		f.Blind[series.Name] = why
	case rows[0].Labels[l.Endpoint] == "":
		f.Blind[series.Name] = fmt.Sprintf("%s has no label %s, which would name the endpoint", selector(ways[whole]), l.Endpoint)
	default:
		f.Blind[series.Name] = fmt.Sprintf("%s has no label %s, which would name the service", selector(ways[whole]), l.Service)
	}
	return nil
}

// nothing says why an expression whose metrics exist has no result: one of its
// selectors has none, or what they select has nothing to do with one another.
func (f *Fit) nothing(ctx context.Context, src Source, expr parser.Expr, start, end time.Time, step time.Duration) (string, error) {
	for _, one := range selectors(expr) {
		rows, err := src.Range(ctx, fmt.Sprintf("group(last_over_time(%s[%s]))", one, model.Duration(max(f.Schema.Range, leastLook))), start, end, step)
		if err != nil {
			return "", err
		}
		if len(rows) == 0 {
			return "there is no " + one, nil
		}
	}
	if on := joint(expr); len(on) > 0 {
		return fmt.Sprintf("its metrics exist, but no endpoint has all of them under the same %s", strings.Join(on, " and ")), nil
	}
	const why = "its metrics exist, but the query makes nothing of them"
	if ofNative(expr) {
		return why + ": an old server loses native histograms where labels are rewritten (Prometheus 2.42 does); take a snapshot (" + snapshot + ") and give its folder", nil
	}
	return why, nil
}

// ofNative reports whether the expression is about native histograms.
func ofNative(expr parser.Expr) (native bool) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		call, ok := node.(*parser.Call)
		native = native || ok && (call.Func.Name == "histogram_count" || call.Func.Name == "histogram_sum")
		return nil
	})
	return native
}

// selector is the first thing that the expression selects.
func selector(expr parser.Expr) string {
	if all := selectors(expr); len(all) > 0 {
		return all[0]
	}
	return ""
}

// selectors are what the expression selects, each once.
func selectors(expr parser.Expr) []string {
	var all []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			one := parser.VectorSelector{Name: v.Name, LabelMatchers: v.LabelMatchers}
			if text := one.String(); !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
		return nil
	})
	return all
}

// joint are the labels by which the expression's outermost join matches.
func joint(expr parser.Expr) (on []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if b, ok := node.(*parser.BinaryExpr); ok && on == nil && b.VectorMatching != nil && b.VectorMatching.On {
			on = b.VectorMatching.MatchingLabels
		}
		return nil
	})
	return on
}

func (f *Fit) add(service, endpoint, series string) {
	s := f.Services[service]
	if s == nil {
		s = &FittedService{Series: map[string]int{}}
		f.Services[service] = s
	}
	if i, known := slices.BinarySearch(s.Endpoints, endpoint); !known {
		s.Endpoints = slices.Insert(s.Endpoints, i, endpoint)
	}
	s.Series[series]++
}

// presence is the query with nothing in it that needs two samples: where there
// would be a rate it has the newest value, with the same labels. Alternatives
// of which there is nothing are left out.
func presence(query string, span time.Duration, have []string) (string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(query, span))
	if err != nil {
		return "", err
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if call, ok := node.(*parser.Call); ok && slices.Contains(ofTwo, call.Func.Name) {
			call.Func = parser.Functions["last_over_time"]
		}
		return nil
	})
	return narrow(expr.String(), expr, have), nil
}

// ofTwo are the functions that have no result where there is one sample.
var ofTwo = []string{"rate", "increase", "irate", "delta", "idelta", "deriv"}

// Names are the services that the schema fits: of which it tells the request
// rate of an endpoint. Sorted.
func (f *Fit) Names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		if f.Services[name].Series[mesh.RequestRate] > 0 {
			names = append(names, name)
		}
	}
	return names
}

// Tells counts the series of which features are made that the schema tells of
// a service.
func (s *FittedService) Tells() int {
	n := 0
	for _, name := range mesh.Canonical {
		if s.Series[name] > 0 {
			n++
		}
	}
	return n
}

// cells counts endpoints and the series known of them, over all services that
// fit: what a window would hold.
func (f *Fit) cells() int {
	n := 0
	for _, name := range f.Names() {
		for _, series := range mesh.Canonical {
			n += f.Services[name].Series[series]
		}
	}
	return n
}
