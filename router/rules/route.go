package rules

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// retryOn is what a list of Envoy's conditions, or of status codes, looks like.
var retryOn = regexp.MustCompile(`^[a-z0-9-]+(,[a-z0-9-]+)*$`)

func (r *reader) route(n *yaml.Node) Route {
	route := Route{Timeout: DefaultTimeout, To: []Target{{Auto: true}}, Where: r.place(n)}
	failed := len(r.errs)
	r.fields(n, "a route", map[string]func(*yaml.Node){
		"name":     func(n *yaml.Node) { route.Name = r.text(n, "name") },
		"match":    func(n *yaml.Node) { route.Match = r.match(n) },
		"criteria": func(n *yaml.Node) { route.Criteria = r.criteria(n) },
		"to":       func(n *yaml.Node) { route.To = r.targets(n) },
		"timeout":  func(n *yaml.Node) { route.Timeout = r.duration(n, "timeout") },
		"priority": func(n *yaml.Node) { route.Priority = r.count(n, "priority", -1_000_000, 1_000_000) },
		"retries":  func(n *yaml.Node) { route.Retries = r.count(n, "retries", 0, 100) },
		"retry_on": func(n *yaml.Node) {
			if route.RetryOn = r.text(n, "retry_on"); !retryOn.MatchString(route.RetryOn) {
				r.fail(n, "retry_on is %q; write Envoy's conditions separated by commas, such as 5xx,connect-failure", route.RetryOn)
			}
		},
		"per_try_timeout": func(n *yaml.Node) { route.PerTry = r.duration(n, "per_try_timeout") },
	})
	switch {
	case len(r.errs) > failed:
	case route.RetryOn != "" && route.Retries == 0:
		r.fail(n, "retry_on says when to retry, and retries is 0; write retries: 2, or leave retry_on out")
	case route.PerTry > route.Timeout:
		r.fail(n, "per_try_timeout is %v and timeout %v; write one that is no longer than the timeout", route.PerTry, route.Timeout)
	}
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
	c.Pattern, c.Not = r.comparison(n, what, true)
	return c
}

// comparison reads a plain value, which is exact, or {prefix: …} and the like, and
// where it may be negated also {not: …} of these.
func (r *reader) comparison(n *yaml.Node, what string, negated bool) (p Pattern, not bool) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return r.pattern(n, what, Exact), false
	}
	ways, folded, failed := 0, false, len(r.errs)
	way := func(op Op) func(*yaml.Node) {
		return func(n *yaml.Node) { ways++; p = r.pattern(n, what, op) }
	}
	known := map[string]func(*yaml.Node){
		"exact": way(Exact), "prefix": way(Prefix), "path_prefix": way(PathPrefix), "regex": way(Regex), "present": way(Present),
		"ignore_case": func(n *yaml.Node) { folded = r.truth(n, "ignore_case of "+what) },
	}
	if negated {
		known["not"] = func(n *yaml.Node) {
			ways, not = ways+1, true
			p, _ = r.comparison(n, "not of "+what, false)
		}
	}
	r.fields(n, what, known)
	switch {
	case len(r.errs) > failed:
	case ways != 1:
		r.fail(n, "%s is compared in %d ways; write one of exact, prefix, path_prefix, regex, present, not", what, ways)
	case folded && p.Op == Regex:
		r.fail(n, "%s is a regex, which ignore_case is not for; begin the expression with (?i)", what)
	case folded && (p.Op == Present || p.Op == Absent):
		r.fail(n, "ignore_case of %s has nothing to compare; leave it out", what)
	case folded:
		p.IgnoreCase = true
	}
	return p, not
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
	if op == PathPrefix && !strings.HasPrefix(value, "/") {
		r.fail(n, "path_prefix of %s is %q; write one that begins with /, or use prefix", what, value)
	}
	p, err := NewPattern(op, value)
	if err != nil {
		r.fail(n, "regex of %s is %q: %v; write it in RE2 syntax", what, value, err)
	}
	return p
}
