package xds

import (
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// maxAlternatives bounds how many matches one rule may become.
const maxAlternatives = 16

// matching is a rule's match in words of xDS, for requests of one client to one
// class of hosts.
type matching struct {
	to   *client
	host host

	never   bool // no request of this client's
	paths   []*rules.Condition
	headers [][]*routev3.HeaderMatcher // alternatives, all of each
	query   []*routev3.QueryParameterMatcher
	// unsaid are the conditions that cannot be said. What is said then takes more
	// requests than the rule.
	unsaid []string
}

// matches are the alternatives that together are the match; none where it takes no
// request of this client's.
func (c *client) matches(m rules.Match, h host) (out []*routev3.RouteMatch, unsaid []string) {
	t := matching{to: c, host: h, headers: [][]*routev3.HeaderMatcher{nil}}
	for i := range m {
		t.add(&m[i])
	}
	path := t.path()
	if t.never {
		return nil, nil
	}
	for _, headers := range t.headers {
		match := &routev3.RouteMatch{Headers: headers, QueryParameters: t.query}
		path(match)
		out = append(out, match)
	}
	return out, t.unsaid
}

// add takes in one condition: it is settled, said or unsaid.
func (t *matching) add(c *rules.Condition) {
	if holds, decided := t.decides(c); decided {
		t.never = t.never || !holds
		return
	}
	switch c.Of {
	case rules.Path:
		t.paths = append(t.paths, c)
	case rules.Method:
		t.header(":method", c)
	case rules.Host:
		t.header(":authority", c)
	case rules.Header:
		t.header(c.Name, c)
	case rules.Query:
		t.parameter(c)
	}
}

// decides settles what is known of all requests of the client. A gRPC call is a
// POST without a query.
func (t *matching) decides(c *rules.Condition) (holds, decided bool) {
	known := &mesh.Request{Source: t.to.source, Method: "POST"}
	switch c.Of {
	case rules.Label, rules.Zone:
	case rules.Host:
		return t.host.decides(c)
	case rules.Method, rules.Query:
		if t.to.kind != grpcClient {
			return false, false
		}
	case rules.Path:
		return (c.Pattern.Op == rules.Present) != c.Not, c.Pattern.Op == rules.Present || c.Pattern.Op == rules.Absent
	default:
		return false, false
	}
	return rules.Match{*c}.Matches(known), true
}

// header adds a condition on a header. A header that is not there matches nothing in
// xDS, not even the inverse of what it is not, which is why a negated condition has
// two alternatives.
func (t *matching) header(name string, c *rules.Condition) {
	if t.to.kind == grpcClient && hidden(name) {
		t.unsaid = append(t.unsaid, c.String())
		return
	}
	present := &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
	absent := &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}, InvertMatch: true}
	switch {
	case c.Pattern.Op == rules.Present && !c.Not, c.Pattern.Op == rules.Absent && c.Not:
		t.alternatives(c, present)
	case c.Pattern.Op == rules.Present, c.Pattern.Op == rules.Absent:
		t.alternatives(c, absent)
	default:
		m := &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: text(&c.Pattern)}, InvertMatch: c.Not}
		if c.Not {
			t.alternatives(c, absent, m)
		} else {
			t.alternatives(c, m)
		}
	}
}

// alternatives multiplies what is there by what one more condition may be.
func (t *matching) alternatives(c *rules.Condition, list ...*routev3.HeaderMatcher) {
	if len(t.headers)*len(list) > maxAlternatives {
		t.unsaid = append(t.unsaid, c.String())
		return
	}
	var out [][]*routev3.HeaderMatcher
	for _, before := range t.headers {
		for _, m := range list {
			out = append(out, append(slices.Clone(before), m))
		}
	}
	t.headers = out
}

// hidden are headers that the xDS client of gRPC does not see.
func hidden(name string) bool {
	return strings.HasPrefix(name, ":") || strings.HasPrefix(name, "grpc-") || strings.HasSuffix(name, "-bin") ||
		slices.Contains([]string{"host", "te", "user-agent", "authorization"}, name)
}

// parameter adds a condition on the query, of which xDS can say no inverse.
func (t *matching) parameter(c *rules.Condition) {
	m := &routev3.QueryParameterMatcher{Name: c.Name}
	switch {
	case c.Not, c.Pattern.Op == rules.Absent:
		t.unsaid = append(t.unsaid, c.String())
		return
	case c.Pattern.Op == rules.Present:
		m.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true}
	default:
		m.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_StringMatch{StringMatch: text(&c.Pattern)}
	}
	t.query = append(t.query, m)
}

// path settles the conditions on the path, of which xDS can say one: where one is
// exact, it tells what the others say.
func (t *matching) path() func(*routev3.RouteMatch) {
	whole := slices.IndexFunc(t.paths, func(c *rules.Condition) bool {
		return c.Pattern.Op == rules.Exact && !c.Not && !c.Pattern.IgnoreCase
	})
	if whole >= 0 {
		path := t.paths[whole].Pattern.Value
		for _, c := range t.paths {
			t.never = t.never || !rules.Match{*c}.Matches(&mesh.Request{Path: path})
		}
		return func(m *routev3.RouteMatch) { m.PathSpecifier = &routev3.RouteMatch_Path{Path: path} }
	}
	var said *rules.Pattern
	for _, c := range t.paths {
		if c.Not || said != nil {
			t.unsaid = append(t.unsaid, c.String())
			continue
		}
		said = &c.Pattern
	}
	return func(m *routev3.RouteMatch) { setPath(m, said) }
}

func setPath(m *routev3.RouteMatch, p *rules.Pattern) {
	switch {
	case p == nil:
		m.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: ""}
		return
	case p.Op == rules.Exact:
		m.PathSpecifier = &routev3.RouteMatch_Path{Path: p.Value}
	case p.Op == rules.Prefix:
		m.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: p.Value}
	default:
		m.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: expression(p)}}
		return
	}
	if p.IgnoreCase {
		m.CaseSensitive = wrapperspb.Bool(false)
	}
}

// text is a pattern for a header or parameter that is there.
func text(p *rules.Pattern) *matcherv3.StringMatcher {
	switch p.Op {
	case rules.Exact:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: p.Value}, IgnoreCase: p.IgnoreCase}
	case rules.Prefix:
		if p.Value != "" { // an empty one is refused
			return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: p.Value}, IgnoreCase: p.IgnoreCase}
		}
	}
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: expression(p)}}}
}

// expression is a pattern as a regular expression of the whole value. Envoy has a
// matcher for whole elements of a path, gRPC has not.
func expression(p *rules.Pattern) string {
	out := p.Value
	switch p.Op {
	case rules.Prefix:
		out = regexp.QuoteMeta(p.Value) + ".*"
	case rules.PathPrefix:
		out = regexp.QuoteMeta(strings.TrimSuffix(p.Value, "/")) + "(/.*)?"
	}
	if p.IgnoreCase {
		out = "(?i)" + out
	}
	return out
}
