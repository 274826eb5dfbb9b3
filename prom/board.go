package prom

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// forgotten is how long an endpoint without any value stays in the windows. An
// endpoint that is scraped in vain has a value, up = 0, and stays for good;
// this ends the memory of endpoints that were taken away.
const forgotten = time.Hour

// left is the same for an endpoint that once had `up` and has no value at all:
// it is no target any more, so it was taken away, as in a rolling deployment,
// and should soon not count among those that fail.
const left = 2 * time.Minute

// board lays the results of a schema's queries out by service and endpoint, a
// slice of time at once, and remembers which endpoints have been seen.
type board struct {
	schema   *mesh.Schema
	timing   mesh.Timing
	up, age  int // columns, or -1
	rate     int
	queries  []string // with $range filled in
	services map[string]map[string]*place
}

// place is one endpoint on the board.
type place struct {
	endpoint mesh.Endpoint
	values   []float64           // of the slice: steps × series
	from     []map[string]string // per series, the labels of the row it came from
	seen     bool
	hadUp    bool
	last     time.Time // when it last had a value
}

func newBoard(s *mesh.Schema, t mesh.Timing) (*board, error) {
	if s == nil || len(s.Series) == 0 {
		return nil, fmt.Errorf("the schema has no series: nothing to ask for")
	}
	if err := checkTiming(t); err != nil {
		return nil, err
	}
	b := &board{
		schema: s, timing: t,
		up: s.Index(mesh.Up), age: s.Index(mesh.Age), rate: s.Index(mesh.RequestRate),
		services: map[string]map[string]*place{},
	}
	for _, series := range s.Series {
		b.queries = append(b.queries, withRange(series.Query, t.Range))
	}
	return b, nil
}

// checkTiming wants whole milliseconds, the resolution of Prometheus.
func checkTiming(t mesh.Timing) error {
	for _, x := range []struct {
		name  string
		d     time.Duration
		least time.Duration
	}{{"step", t.Step, time.Millisecond}, {"range", t.Range, time.Millisecond}, {"delay", t.Delay, 0}} {
		if x.d < x.least || x.d%time.Millisecond != 0 {
			return fmt.Errorf("the windows' %s is %s; want whole milliseconds, at least %s", x.name, x.d, x.least)
		}
	}
	return nil
}

// fill evaluates all queries for the windows at start, start+Step, … (n).
func (b *board) fill(ctx context.Context, src Source, start time.Time, n int) error {
	for _, places := range b.services {
		for _, p := range places {
			p.values, p.from = nil, nil
		}
	}
	first := start.Add(-b.timing.Delay)
	last := first.Add(time.Duration(n-1) * b.timing.Step)
	for column, query := range b.queries {
		rows, err := src.Range(ctx, query, first, last, b.timing.Step)
		if err != nil {
			return fmt.Errorf("series %s: %w", b.schema.Series[column].Name, err)
		}
		placed := false
		for _, row := range rows {
			ok, err := b.put(row, column, n)
			if err != nil {
				return fmt.Errorf("series %s: %w", b.schema.Series[column].Name, err)
			}
			placed = placed || ok
		}
		if l := b.schema.Labels; len(rows) > 0 && !placed {
			return fmt.Errorf("series %s: no result has both labels %s and %s that name service and endpoint; the first one is %v",
				b.schema.Series[column].Name, l.Service, l.Endpoint, rows[0].Labels)
		}
	}
	return nil
}

// put writes a row of results into a column. It reports false when the labels
// do not name a service and an endpoint: metrics of something else.
func (b *board) put(row Row, column, n int) (bool, error) {
	l := b.schema.Labels
	service, name := row.Labels[l.Service], row.Labels[l.Endpoint]
	if service == "" || name == "" {
		return false, nil
	}
	places := b.services[service]
	if places == nil {
		places = map[string]*place{}
		b.services[service] = places
	}
	p := places[name]
	if p == nil {
		p = &place{endpoint: mesh.Endpoint{Name: name}}
		places[name] = p
	}
	width := len(b.queries)
	if p.values == nil {
		p.values = unknown(n * width)
		p.from = make([]map[string]string, width)
	}
	for step, v := range row.Values[:n] {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue // ±Inf is a division by zero: it says nothing
		}
		at := &p.values[step*width+column]
		if !math.IsNaN(*at) && !b.moved(p.from[column], row.Labels) {
			return true, fmt.Errorf("two results for endpoint %s of service %s at once, %v and %v: put sum by (%s, %s), or another aggregation, around the query",
				name, service, p.from[column], row.Labels, l.Service, l.Endpoint)
		}
		*at = v
	}
	p.from[column] = row.Labels
	describe(&p.endpoint.Subset, row.Labels[l.Subset])
	describe(&p.endpoint.Zone, row.Labels[l.Zone])
	describe(&p.endpoint.Address, row.Labels[l.Address])
	return true, nil
}

func describe(field *string, label string) {
	if label != "" {
		*field = label
	}
}

// moved reports whether two rows of one endpoint differ in nothing but subset,
// zone or address: it was deployed anew under its name, and for a moment the
// old series is still alive beside the new one.
func (b *board) moved(one, other map[string]string) bool {
	l := b.schema.Labels
	describing := []string{l.Subset, l.Zone, l.Address}
	differ := false
	for name := range one {
		if one[name] != other[name] {
			differ = true
			if !slices.Contains(describing, name) {
				return false
			}
		}
	}
	return differ && len(one) == len(other)
}

// windows returns the windows of one step of the slice, services by name.
func (b *board) windows(start time.Time, step int) []mesh.Window {
	at := start.Add(time.Duration(step) * b.timing.Step)
	var windows []mesh.Window
	for _, service := range slices.Sorted(maps.Keys(b.services)) {
		places := b.services[service]
		var seen []*place
		for _, name := range slices.Sorted(maps.Keys(places)) {
			switch p := places[name]; {
			case p.look(at, step, len(b.queries)):
				seen = append(seen, p)
			case p.values == nil:
				delete(places, name)
			}
		}
		if len(seen) > 0 {
			windows = append(windows, b.window(service, at, step, seen))
		}
	}
	return windows
}

// look updates what is remembered of the endpoint and reports whether it
// belongs into the window.
func (p *place) look(at time.Time, step, width int) bool {
	if slices.ContainsFunc(p.row(step, width), func(v float64) bool { return !math.IsNaN(v) }) {
		p.seen, p.last = true, at
	} else if p.seen && at.Sub(p.last) > p.remembered() {
		p.seen, p.hadUp = false, false
	}
	return p.seen
}

// remembered is how long the endpoint stays in the windows without any value.
func (p *place) remembered() time.Duration {
	if p.hadUp {
		return left
	}
	return forgotten
}

// row returns the values of one step; nil when the slice has none at all.
func (p *place) row(step, width int) []float64 {
	if p.values == nil {
		return nil
	}
	return p.values[step*width : (step+1)*width]
}

func (b *board) window(service string, at time.Time, step int, seen []*place) mesh.Window {
	width := len(b.queries)
	end := at.Add(-b.timing.Delay)
	w := mesh.Window{
		Service: service, Time: at, Start: end.Add(-b.timing.Range), End: end, Schema: b.schema,
		Endpoints: make([]mesh.Endpoint, len(seen)),
		Values:    unknown(len(seen) * width),
		Requests:  unknown(len(seen)),
	}
	for i, p := range seen {
		w.Endpoints[i] = p.endpoint
		row := w.Row(i)
		copy(row, p.row(step, width))
		if b.up >= 0 {
			row[b.up] = p.judge(row[b.up], at)
		}
		if b.age >= 0 {
			row[b.age] += b.timing.Delay.Seconds()
		}
		if b.rate >= 0 {
			w.Requests[i] = row[b.rate] * b.timing.Range.Seconds()
		}
	}
	return w
}

// judge returns 0 in place of an unknown `up`, where the endpoint once had one
// or has no value at all any more: it vanished.
func (p *place) judge(up float64, at time.Time) float64 {
	switch {
	case !math.IsNaN(up):
		p.hadUp = true
		return up
	case p.hadUp || !p.last.Equal(at):
		return 0
	}
	return up
}
