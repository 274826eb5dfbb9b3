package traefik

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// ruleOf says in Traefik's rule language what a route asks of a request to one of
// the hosts; none is any. An error names what the language cannot say.
func ruleOf(route *fairwayv1.RouteWeights, hosts []string) (string, error) {
	var all []string
	if len(hosts) > 0 {
		var any []string
		for _, h := range hosts {
			any = append(any, call("Host", h))
		}
		all = append(all, either(any...))
	}
	for _, c := range route.Match {
		term, err := termOf(c)
		if err != nil {
			return "", fmt.Errorf("route %q: %w", route.Name, err)
		}
		switch rest, negated := strings.CutPrefix(term, "!"); {
		case c.Negated && negated:
			term = rest
		case c.Negated:
			term = "!" + term
		}
		all = append(all, term)
	}
	if len(all) == 0 {
		return call("PathPrefix", "/"), nil
	}
	return strings.Join(all, " && "), nil
}

// termOf is one condition, in parentheses where it has more than one call.
func termOf(c *fairwayv1.Condition) (string, error) {
	switch c.Of {
	case "path":
		return pathTerm(c)
	case "method":
		if c.Op == "exact" && !c.IgnoreCase {
			return call("Method", c.Value), nil
		}
	case "host":
		return hostTerm(c)
	case "header":
		if strings.EqualFold(c.Name, "host") { // Go keeps it apart
			return hostTerm(c)
		}
		return valueTerm("Header", c)
	case "query":
		return valueTerm("Query", c)
	}
	return "", fmt.Errorf("no matcher of Traefik says %s %q %s %q", c.Of, c.Name, c.Op, c.Value)
}

func pathTerm(c *fairwayv1.Condition) (string, error) {
	rooted := strings.HasPrefix(c.Value, "/") && !c.IgnoreCase
	switch {
	case c.Op == "exact" && rooted:
		return call("Path", c.Value), nil
	case c.Op == "prefix" && rooted:
		return call("PathPrefix", c.Value), nil
	case c.Op == "present":
		return call("PathPrefix", "/"), nil
	}
	re, err := expression(c)
	return call("PathRegexp", re), err
}

func hostTerm(c *fairwayv1.Condition) (string, error) {
	switch {
	case strings.Contains(c.Value, ":"):
		return "", fmt.Errorf("no matcher of Traefik knows a host with its port, %q", c.Value)
	case c.Op == "exact" && c.Value != "":
		return call("Host", c.Value), nil
	}
	re, err := expression(c)
	return call("HostRegexp", re), err
}

// valueTerm asks for a header or a parameter, any of whose values may fit.
func valueTerm(matcher string, c *fairwayv1.Condition) (string, error) {
	switch {
	case c.Op == "exact" && !c.IgnoreCase:
		return call(matcher, c.Name, c.Value), nil
	case c.Op == "absent":
		return "!" + call(matcher+"Regexp", c.Name, ""), nil
	}
	re, err := expression(c)
	return call(matcher+"Regexp", c.Name, re), err
}

// expression is a regular expression that finds what the condition matches.
func expression(c *fairwayv1.Condition) (string, error) {
	flags := ""
	if c.IgnoreCase {
		flags = "(?i)"
	}
	literal := regexp.QuoteMeta(c.Value)
	switch c.Op {
	case "exact":
		return flags + "^" + literal + "$", nil
	case "prefix":
		return flags + "^" + literal, nil
	case "path_prefix":
		return flags + "^" + regexp.QuoteMeta(strings.TrimSuffix(c.Value, "/")) + "(?:/|$)", nil
	case "regex":
		return "^(?:" + c.Value + ")$", nil
	case "present":
		return "", nil
	}
	return "", fmt.Errorf("no matcher of Traefik says %s %q %s", c.Of, c.Name, c.Op)
}

// call writes a matcher, whose arguments are texts as Go has them.
func call(matcher string, arguments ...string) string {
	for i := range arguments {
		arguments[i] = strconv.Quote(arguments[i])
	}
	return matcher + "(" + strings.Join(arguments, ", ") + ")"
}

func either(terms ...string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, " || ") + ")"
}
