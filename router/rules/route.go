package rules

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (r *reader) route(n *yaml.Node) Route {
	route := Route{Timeout: DefaultTimeout, To: []Target{{Auto: true}}, Where: r.place(n)}
	r.fields(n, "a route", map[string]func(*yaml.Node){
		"name":     func(n *yaml.Node) { route.Name = r.text(n, "name") },
		"match":    func(n *yaml.Node) { route.Match = r.match(n) },
		"criteria": func(n *yaml.Node) { route.Criteria = r.criteria(n) },
		"to":       func(n *yaml.Node) { route.To = r.targets(n) },
		"timeout":  func(n *yaml.Node) { route.Timeout = r.duration(n, "timeout") },
		"priority": func(n *yaml.Node) { route.Priority = r.count(n, "priority", -1_000_000, 1_000_000) },
		"retries":  func(n *yaml.Node) { route.Retries = r.count(n, "retries", 0, 100) },
	})
	return route
}

func (r *reader) criteria(n *yaml.Node) (list []Criterion) {
	r.pairs(n, "criteria", "comparisons, such as {p99: <200ms}", func(key, value *yaml.Node) {
		c, err := ParseCriterion(key.Value, r.text(value, "criterion "+key.Value))
		if err != nil {
			r.fail(key, "%v", err)
			return
		}
		list = append(list, c)
	})
	return list
}

func (r *reader) match(n *yaml.Node) (m Match) {
	one := func(of Part) func(*yaml.Node) {
		return func(n *yaml.Node) { m = append(m, r.condition(of, "", n)) }
	}
	several := func(of Part) func(*yaml.Node) {
		return func(n *yaml.Node) {
			r.pairs(n, of.String()+"s", "names and values", func(key, value *yaml.Node) {
				m = append(m, r.condition(of, key.Value, value))
			})
		}
	}
	r.fields(n, "match", map[string]func(*yaml.Node){
		"headers": several(Header),
		"query":   several(Query),
		"path":    one(Path),
		"method":  one(Method),
		"host":    one(Host),
		"source": func(n *yaml.Node) {
			r.fields(n, "source", map[string]func(*yaml.Node){"labels": several(Label), "zone": one(Zone)})
		},
	})
	return m
}

func (r *reader) condition(of Part, name string, n *yaml.Node) Condition {
	if of == Header {
		name = strings.ToLower(name)
	}
	c := Condition{Of: of, Name: name}
	what := of.String()
	if name != "" {
		what = fmt.Sprintf("%s %q", of, name)
	}
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		c.Pattern = r.pattern(n, what, Exact)
		return c
	}
	ways := 0
	way := func(op Op) func(*yaml.Node) {
		return func(n *yaml.Node) { ways++; c.Pattern = r.pattern(n, what, op) }
	}
	r.fields(n, what, map[string]func(*yaml.Node){
		"exact": way(Exact), "prefix": way(Prefix), "regex": way(Regex), "present": way(Present),
	})
	if ways != 1 && n.Kind == yaml.MappingNode {
		r.fail(n, "%s is compared in %d ways; write one of exact, prefix, regex, present", what, ways)
	}
	return c
}

func (r *reader) pattern(n *yaml.Node, what string, op Op) Pattern {
	value := ""
	if op == Present {
		if !r.truth(n, "present of "+what) {
			op = Absent
		}
	} else {
		value = r.text(n, op.String()+" of "+what)
	}
	p, err := NewPattern(op, value)
	if err != nil {
		r.fail(n, "regex of %s is %q: %v; write it in RE2 syntax", what, value, err)
	}
	return p
}
