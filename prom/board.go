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

// board lays the results of a schema's queries out by service and endpoint, a
// slice of time at once, and remembers which endpoints have been seen. What it
// shows does not depend on how the time is cut into slices.
type board struct {
	schema   *mesh.Schema
	timing   mesh.Timing
	up, age  int // columns, or -1
	rate     int
	queries  []string // with $range filled in
	plan     *plan
	columns  []column
	services map[string]map[string]*place

	heard []bool // per step of the slice: something had a value
	clash clash  // the first in the slice
}

// place is one endpoint on the board.
type place struct {
	values []float64           // of the slice: steps × series
	from   []map[string]string // per series, the labels of the row it came from
	told   []told
	remembered
}

// told is a row of results that says more of an endpoint than its name.
type told struct {
	values                []float64
	subset, zone, address string
}

// clash is a step of which two results speak of one endpoint.
type clash struct {
	step int
	err  error
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
		columns:  make([]column, len(s.Series)),
		services: map[string]map[string]*place{},
	}
	for _, series := range s.Series {
		b.queries = append(b.queries, withRange(series.Query, t.Range))
	}
	var err error
	b.plan, err = newPlan(b.queries)
	return b, err
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

// fill evaluates all queries for the windows at start, start+Step, … (n). It
// returns how many samples were in memory for it, about.
func (b *board) fill(ctx context.Context, src Source, start time.Time, n int) (weight int, err error) {
	for _, places := range b.services {
		for _, p := range places {
			p.values, p.from, p.told = nil, nil, nil
		}
	}
	b.heard, b.clash = make([]bool, n), clash{}
	first := start.Add(-b.timing.Delay)
	answers, weight, err := b.evaluate(ctx, src, first, first.Add(time.Duration(n-1)*b.timing.Step))
	if err != nil {
		return 0, err
	}
	for i, rows := range answers {
		b.columns[i].begin(n)
		for _, row := range rows {
			b.columns[i].take(row, n, b.put(row, i, n))
		}
	}
	return weight, nil
}

// put writes a row of results into a column. It reports false when the labels
// do not name a service and an endpoint: metrics of something else.
func (b *board) put(row Row, column, n int) bool {
	l := b.schema.Labels
	service, name := row.Labels[l.Service], row.Labels[l.Endpoint]
	if service == "" || name == "" {
		return false
	}
	places := b.services[service]
	if places == nil {
		places = map[string]*place{}
		b.services[service] = places
	}
	p := places[name]
	if p == nil {
		p = &place{remembered: remembered{Endpoint: mesh.Endpoint{Name: name}}}
		places[name] = p
	}
	width := len(b.queries)
	if p.values == nil {
		p.values = unknown(n * width)
		p.from = make([]map[string]string, width)
	}
	for step, v := range row.Values[:n] {
		if !says(v) {
			continue
		}
		at := &p.values[step*width+column]
		if !math.IsNaN(*at) && !b.moved(p.from[column], row.Labels) {
			if b.clash.err == nil || step < b.clash.step {
				b.clash = clash{step, b.columnError(column, fmt.Errorf("two results for endpoint %s of service %s at once, %v and %v: put sum by (%s, %s), or another aggregation, around the query",
					name, service, p.from[column], row.Labels, l.Service, l.Endpoint))}
			}
			break
		}
		*at, b.heard[step] = v, true
	}
	p.from[column] = row.Labels
	if t := (told{row.Values, row.Labels[l.Subset], row.Labels[l.Zone], row.Labels[l.Address]}); t.subset+t.zone+t.address != "" {
		p.told = append(p.told, t)
	}
	return true
}

// says reports whether a result is a number. ±Inf is a division by zero: it
// says nothing.
func says(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

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
func (b *board) windows(start time.Time, step int) ([]mesh.Window, error) {
	at := start.Add(time.Duration(step) * b.timing.Step)
	if b.clash.err != nil && step >= b.clash.step {
		return nil, b.clash.err
	}
	for i := range b.columns {
		if b.columns[i].pass(at, step) {
			return nil, b.lost(i)
		}
	}
	var windows []mesh.Window
	for _, service := range slices.Sorted(maps.Keys(b.services)) {
		places := b.services[service]
		var seen []*place
		for _, name := range slices.Sorted(maps.Keys(places)) {
			p := places[name]
			p.look(at, p.row(step, len(b.queries)), b)
			switch {
			case p.seen():
				p.describe(step)
				seen = append(seen, p)
			case p.values == nil:
				delete(places, name)
			}
		}
		if len(seen) > 0 {
			windows = append(windows, b.window(service, at, step, seen))
		}
	}
	return windows, nil
}

// row returns the values of one step; nil when the slice has none at all.
func (p *place) row(step, width int) []float64 {
	if p.values == nil {
		return nil
	}
	return p.values[step*width : (step+1)*width]
}

// describe takes over what the rows that have a value at the step say.
func (p *place) describe(step int) {
	for i := range p.told {
		t := &p.told[i]
		if !says(t.values[step]) {
			continue
		}
		for _, x := range []struct {
			field *string
			label string
		}{{&p.Endpoint.Subset, t.subset}, {&p.Endpoint.Zone, t.zone}, {&p.Endpoint.Address, t.address}} {
			if x.label != "" {
				*x.field = x.label
			}
		}
	}
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
		w.Endpoints[i] = p.Endpoint
		row := w.Row(i)
		copy(row, p.row(step, width))
		if b.up >= 0 {
			row[b.up] = p.judge(row[b.up], at, b.heard[step])
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
