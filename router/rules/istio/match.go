package istio

import (
	"maps"
	"slices"
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

var matchRefused = []field{
	{"scheme", "fairway is not told the scheme of a request"},
	{"port", "fairway is not told the port that a request was addressed to; use a service for each port"},
	{"sourceNamespace", "fairway is not told the namespace of who asks; match one of its labels with sourceLabels"},
}

// match is one alternative of a rule; its conditions must all hold.
func (t *translator) match(p place, m *v1alpha3.HTTPMatchRequest, gateways []string) rules.Match {
	t.refuseFields(p, matchRefused)
	if p.has("name") {
		t.note(p.in("name"), "the name of a match is not looked at: its route is called after the rule")
	}
	if p.has("statPrefix") {
		t.note(p.in("statPrefix"), "statPrefix is not looked at: fairway counts by route")
	}
	t.gateways(p.in("gateways"), m.GetGateways(), gateways)

	var all rules.Match
	single := func(of rules.Part, field string, s *v1alpha3.StringMatch) {
		if !p.has(field) {
			return
		}
		at := p.in(field)
		pattern, ok := t.pattern(at, s)
		if !ok {
			return
		}
		if pattern.Op == rules.Present {
			t.refuse(at, "%s has neither exact, prefix nor regex; write one", field)
			return
		}
		pattern.IgnoreCase = of == rules.Path && m.IgnoreUriCase && pattern.Op != rules.Regex
		all = append(all, rules.Condition{Of: of, Pattern: pattern})
	}
	single(rules.Path, "uri", m.GetUri())
	single(rules.Method, "method", m.GetMethod())
	single(rules.Host, "authority", m.GetAuthority())
	all = append(all, t.headers(p.in("headers"), m.GetHeaders())...)
	all = append(all, t.without(p.in("withoutHeaders"), m.GetWithoutHeaders())...)
	for _, name := range slices.Sorted(maps.Keys(m.GetQueryParams())) {
		if pattern, ok := t.pattern(p.in("queryParams", name), m.QueryParams[name]); ok {
			if pattern.Op != rules.Regex && strings.ContainsAny(pattern.Value, "%+ ") {
				t.warn(p.in("queryParams", name), "fairway compares query parameters decoded (%%20 and + are a space), and Istio as they are sent: %q is not the same to both", pattern.Value)
			}
			all = append(all, rules.Condition{Of: rules.Query, Name: name, Pattern: pattern})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetSourceLabels())) {
		pattern := rules.Pattern{Op: rules.Exact, Value: m.SourceLabels[name]}
		all = append(all, rules.Condition{Of: rules.Label, Name: name, Pattern: pattern})
	}
	return all
}

// gateways refuses a match that holds for some of the object's gateways only. The
// default of both lists is mesh.
func (t *translator) gateways(p place, own, object []string) {
	if len(own) == 0 {
		return
	}
	if len(object) == 0 {
		object = []string{inside}
	}
	for _, g := range object {
		if !slices.ContainsFunc(own, func(o string) bool {
			return fullGateway(o, p.o.Home()) == fullGateway(g, p.o.Home())
		}) {
			t.refuse(p, "a match for some gateways of the object, but not for %s: fairway is not told which gateway a request came by; make it an object of its own, for a host of its own", g)
			return
		}
	}
}

func (t *translator) headers(p place, headers map[string]*v1alpha3.StringMatch) (all rules.Match) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := p.in(name)
		if pattern, ok := t.pattern(at, headers[name]); ok && t.header(at, name) {
			all = append(all, ofHeader(name, pattern))
		}
	}
	return all
}

// ofHeader is a condition on a header. That called host is the authority to Envoy, and
// nobody who asks fairway sends it among the headers.
func ofHeader(name string, pattern rules.Pattern) rules.Condition {
	if name = strings.ToLower(name); name == "host" {
		return rules.Condition{Of: rules.Host, Pattern: pattern}
	}
	return rules.Condition{Of: rules.Header, Name: name, Pattern: pattern}
}

// without are headers that must not match. A header that is missing is an empty one
// to Istio here, so that what takes the empty text asks for the header as well.
func (t *translator) without(p place, headers map[string]*v1alpha3.StringMatch) (all rules.Match) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := p.in(name)
		pattern, ok := t.pattern(at, headers[name])
		if !ok || !t.header(at, name) {
			continue
		}
		c := ofHeader(name, pattern)
		c.Not = true
		all = append(all, c)
		if (pattern.Op == rules.Regex || pattern.Op == rules.Exact) && pattern.Matches("", true) {
			c.Pattern, c.Not = rules.Pattern{Op: rules.Present}, false
			all = append(all, c)
		}
	}
	return all
}

// header refuses names that are not those of headers.
func (t *translator) header(p place, name string) bool {
	switch {
	case name == "uri" || name == "scheme" || name == "method" || name == "authority":
		t.refuse(p, "Istio does not look at a header named %s; use the field %s of the match", name, name)
	case name == "" || strings.HasPrefix(name, ":"):
		t.refuse(p, "%q is no header; use the fields uri, method and authority of the match", name)
	case strings.HasPrefix(name, "@"):
		t.refuse(p, "claims of tokens (%s) are not supported: fairway reads no tokens", name)
	default:
		return true
	}
	return false
}

// pattern is a way to compare; Present where none is written.
func (t *translator) pattern(p place, s *v1alpha3.StringMatch) (rules.Pattern, bool) {
	op, value := rules.Present, ""
	switch m := s.GetMatchType().(type) {
	case *v1alpha3.StringMatch_Exact:
		op, value = rules.Exact, m.Exact
	case *v1alpha3.StringMatch_Prefix:
		op, value = rules.Prefix, m.Prefix
	case *v1alpha3.StringMatch_Regex:
		op, value = rules.Regex, m.Regex
	}
	pattern, err := rules.NewPattern(op, value)
	if err != nil {
		t.refuse(p.in("regex"), "%v; Istio's regular expressions are RE2", err)
		return pattern, false
	}
	return pattern, true
}
