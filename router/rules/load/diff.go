package load

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/router/rules"
)

// Diff writes what changes from one set of rules to another, by service and route: +
// was added, - is gone, ~ is another. What is left out counts as its default, so that
// writing that down is no change. It reports whether there is any.
func Diff(out io.Writer, from, to *rules.Set) (changed bool, err error) {
	d := &diff{out: out}
	if from.Version() != to.Version() {
		d.line(0, '~', "version: %s → %s", from.Version(), to.Version())
	}
	d.list(0, "class", classes(from.File()), classes(to.File()), true)
	was, is := services(from), services(to)
	for _, name := range union(was, is) {
		d.service(name, find(was, name), find(is, name))
	}
	return d.lines > 0, d.err
}

// item is anything with a name: a service, a route, or one of its fields.
type item struct {
	name string
	text string // of a field
	of   []item // fields of a route, endpoint or subset
	more *rules.Service
}

func find(list []item, name string) *item {
	if i := slices.IndexFunc(list, func(x item) bool { return x.name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// union is the names of both, in the order of the second with what is gone at the end.
func union(was, is []item) (names []string) {
	for _, list := range [][]item{is, was} {
		for _, x := range list {
			if !slices.Contains(names, x.name) {
				names = append(names, x.name)
			}
		}
	}
	return names
}

func classes(f *rules.File) (all []item) {
	for _, c := range f.Classes {
		all = append(all, item{name: c.Name, of: []item{{name: "match", text: Words(c.Match)}}})
	}
	return all
}

func services(set *rules.Set) (all []item) {
	for _, name := range set.Services() {
		all = append(all, item{name: name, more: set.Service(name).Service})
	}
	return all
}

// settings are the fields of a service that are not lists.
func settings(s *rules.Service) []item {
	return []item{
		{name: "objective", text: Words(s.Objective)}, {name: "limits", text: Words(s.Limits)},
		{name: "locality", text: Words(s.Locality)}, {name: "health", text: Words(s.Health)},
		{name: "balance", text: Words(s.Balance)}, {name: "circuit", text: Words(s.Circuit)},
		{name: "outlier", text: Words(s.Outlier)},
	}
}

func endpoints(s *rules.Service) (all []item) {
	for _, e := range s.Endpoints {
		all = append(all, item{name: e.Name, of: []item{
			{name: "address", text: e.Address}, {name: "subset", text: e.Subset},
			{name: "zone", text: e.Zone}, {name: "weight", text: Words(e.Weight)},
		}})
	}
	return all
}

func subsets(s *rules.Service) (all []item) {
	for _, x := range s.Subsets {
		all = append(all, item{name: x.Name, of: []item{
			{name: "labels", text: Words(x.Labels)}, {name: "balance", text: Words(x.Balance)}, {name: "circuit", text: Words(x.Circuit)},
		}})
	}
	return all
}

func routes(s *rules.Service) (all []item) {
	for _, r := range s.Routes {
		fields := []item{
			{name: "match", text: Words(r.Match)}, {name: "criteria", text: Words(r.Criteria)},
			{name: "to", text: Targets(r.To)}, {name: "timeout", text: r.Timeout.String()},
			{name: "per try", text: nonzero(r.PerTry)}, {name: "retries", text: nonzero(r.Retries)},
			{name: "retry on", text: r.RetryOn}, {name: "priority", text: nonzero(r.Priority)},
		}
		all = append(all, item{name: r.Name, of: fields})
	}
	return all
}

func nonzero[T comparable](v T) string {
	var zero T
	if v == zero {
		return ""
	}
	return fmt.Sprint(v)
}

// diff writes lines.
type diff struct {
	out   io.Writer
	lines int
	err   error
}

func (d *diff) line(indent int, sign rune, format string, args ...any) {
	d.lines++
	if _, err := fmt.Fprintf(d.out, "%s%c %s\n", strings.Repeat("  ", indent), sign, fmt.Sprintf(format, args...)); d.err == nil {
		d.err = err
	}
}

func (d *diff) service(name string, was, is *item) {
	switch {
	case was == nil:
		d.line(0, '+', "service %s", name)
		d.parts(&rules.Service{Limits: rules.DefaultLimits()}, is.more)
	case is == nil:
		d.line(0, '-', "service %s, with %d routes", name, len(was.more.Routes))
	default:
		var inner strings.Builder
		below := &diff{out: &inner}
		below.parts(was.more, is.more)
		if below.lines > 0 {
			d.line(0, '~', "service %s", name)
			_, err := io.WriteString(d.out, inner.String())
			if d.err == nil {
				d.err = err
			}
		}
	}
}

func (d *diff) parts(was, is *rules.Service) {
	d.fields(1, settings(was), settings(is))
	d.list(1, "endpoint", endpoints(was), endpoints(is), false)
	d.list(1, "subset", subsets(was), subsets(is), false)
	d.list(1, "route", routes(was), routes(is), true)
}

func (d *diff) fields(indent int, was, is []item) {
	for i := range is {
		switch before, now := was[i].text, is[i].text; {
		case before == now:
		case before == "":
			d.line(indent, '+', "%s: %s", is[i].name, now)
		case now == "":
			d.line(indent, '-', "%s: %s", is[i].name, before)
		default:
			d.line(indent, '~', "%s: %s → %s", is[i].name, before, now)
		}
	}
}

// list compares what has names; where their order decides it is told when what is in
// both has another.
func (d *diff) list(indent int, what string, was, is []item, ordered bool) {
	var common []string
	for _, name := range union(was, is) {
		before, now := find(was, name), find(is, name)
		switch {
		case before == nil:
			d.line(indent, '+', "%s %s%s", what, name, said(now.of))
		case now == nil:
			d.line(indent, '-', "%s %s%s", what, name, said(before.of))
		default:
			common = append(common, name)
			if !slices.Equal(texts(before.of), texts(now.of)) {
				d.line(indent, '~', "%s %s", what, name)
				d.fields(indent+1, before.of, now.of)
			}
		}
	}
	var order []string
	for _, x := range was {
		if slices.Contains(common, x.name) {
			order = append(order, x.name)
		}
	}
	if ordered && !slices.Equal(order, common) {
		d.line(indent, '~', "order of %s: %s → %s", plural(what), strings.Join(order, ", "), strings.Join(common, ", "))
	}
}

func plural(what string) string {
	if strings.HasSuffix(what, "s") {
		return what + "es"
	}
	return what + "s"
}

func texts(fields []item) (all []string) {
	for _, f := range fields {
		all = append(all, f.text)
	}
	return all
}

// said is all that is set, in a line after a name.
func said(fields []item) string {
	var parts []string
	for _, f := range fields {
		if f.text != "" {
			parts = append(parts, f.name+" "+f.text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}
