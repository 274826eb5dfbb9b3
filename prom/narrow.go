package prom

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// narrowFor is how long a list of metrics is believed: an alternative that
// appears takes at most so long to be asked for. Where a query had to be left
// out altogether the list is believed for narrowSoon only: the server may have
// begun a moment ago.
const narrowFor, narrowSoon = 5 * time.Minute, 5 * time.Second

// Narrow returns src with less to do: of the alternatives of a query it is
// asked only for those whose metrics exist, or, where no alternative has all of
// its metrics, for those that have some. A server need then not know the
// functions of what it does not hold: VictoriaMetrics has no native histograms,
// and refuses queries that speak of them.
//
// The result may be used by several goroutines at once.
func Narrow(src Source) Source { return newNarrowed(src, false) }

// narrowed asks for the list with turn held, so that queries at the same time
// ask for it once; nobody waits for the turn longer than its context lasts.
type narrowed struct {
	Source
	turn    chan struct{}     // holds one while somebody reads or changes what follows
	queries map[string]string // as asked for: as sent; "" is not sent
	fixed   bool              // no metric appears any more
	have    []string
	since   time.Time
	lacking bool // a query had to be left out
}

func newNarrowed(src Source, fixed bool) *narrowed {
	return &narrowed{Source: src, turn: make(chan struct{}, 1), fixed: fixed}
}

// Range implements Source.
func (n *narrowed) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	query, err := n.narrow(ctx, expr, end)
	if err != nil || query == "" {
		return nil, err
	}
	return n.Source.Range(ctx, query, start, end, step)
}

func (n *narrowed) narrow(ctx context.Context, expr string, now time.Time) (string, error) {
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	patience := narrowFor
	if n.lacking {
		patience = narrowSoon
	}
	if n.queries == nil || !n.fixed && now.Sub(n.since).Abs() > patience {
		have, err := n.Metrics(ctx)
		if err != nil {
			return "", err
		}
		n.have, n.since, n.queries, n.lacking = have, now, map[string]string{}, false
	}
	query, known := n.queries[expr]
	if !known {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			return expr, nil // the source shall say what is wrong with it
		}
		query = narrow(expr, parsed, n.have)
		n.queries[expr] = query
		n.lacking = n.lacking || query == ""
	}
	return query, nil
}

// narrow leaves out the alternatives of a query that have nothing to tell. It
// returns "" when none has.
func narrow(query string, expr parser.Expr, have []string) string {
	ways := unwrapped(expr)
	best := wayLacks
	for _, way := range ways {
		best = max(best, worth(way, have))
	}
	switch {
	case best == wayLacks:
		return ""
	case !slices.ContainsFunc(ways, func(way parser.Expr) bool { return worth(way, have) < best }):
		return query
	}
	return retain(expr, have, best).String()
}

// What an alternative is worth.
const (
	wayLacks = iota // none of its metrics exists
	waySome         // some do
	wayWhole        // all do
)

func worth(way parser.Expr, have []string) int {
	switch lacking, some := lacks(way, have); {
	case len(lacking) == 0:
		return wayWhole
	case some:
		return waySome
	}
	return wayLacks
}

// retain rebuilds an expression of the alternatives that are worth as much.
func retain(expr parser.Expr, have []string, least int) parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		if kept := retain(e.Expr, have, least); kept != nil {
			return &parser.ParenExpr{Expr: kept}
		}
		return nil
	case *parser.BinaryExpr:
		if e.Op != parser.LOR {
			break
		}
		left, right := retain(e.LHS, have, least), retain(e.RHS, have, least)
		switch {
		case left == nil:
			return right
		case right == nil:
			return left
		}
		e.LHS, e.RHS = left, right
		return e
	case *parser.Call:
		if !onlyLabels(e) {
			break
		}
		kept := retain(e.Args[0], have, least)
		if kept == nil {
			return nil
		}
		e.Args[0] = kept
		return e
	}
	if worth(expr, have) < least {
		return nil
	}
	return expr
}
