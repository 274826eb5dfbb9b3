package gatewayapi

import (
	"slices"
	"strconv"
	"strings"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

func (o *object) http() {
	var spec v1.HTTPRouteSpec
	if !o.decode(&spec) {
		return
	}
	services := o.parents(&spec.CommonRouteSpec, spec.Hostnames)
	for i := range spec.Rules {
		from, at := &spec.Rules[i], path{"rules", i}
		r := &rule{at: at, name: of(from.Name, ""), session: from.SessionPersistence}
		for j := range from.Matches {
			r.matches = append(r.matches, o.httpMatch(&from.Matches[j], at.in("matches", j)))
		}
		for j := range from.Filters {
			o.filter(string(from.Filters[j].Type), at.in("filters", j))
		}
		for j := range from.BackendRefs {
			ref := &from.BackendRefs[j]
			r.backends = append(r.backends, ref.BackendRef)
			for k := range ref.Filters {
				o.filter(string(ref.Filters[k].Type), at.in("backendRefs", j, "filters", k))
			}
		}
		o.timeouts(from.Timeouts, at.in("timeouts"), &r.route)
		o.retry(from.Retry, at.in("retry"), &r.route)
		o.take(services, i, r)
	}
	if len(spec.Rules) == 0 {
		o.find(manifest.Warning, nil, "has no rules")
	}
}

// filter is something else that a proxy does with requests, which does not change
// where they go; a redirect sends them back.
func (o *object) filter(kind string, at path) {
	switch kind {
	case string(v1.HTTPRouteFilterRequestRedirect):
		o.fail(at, "filter RequestRedirect is not supported: such requests go to no endpoint; keep the rule where fairway does not read")
	case string(v1.HTTPRouteFilterRequestHeaderModifier), string(v1.HTTPRouteFilterResponseHeaderModifier),
		string(v1.HTTPRouteFilterURLRewrite), string(v1.HTTPRouteFilterRequestMirror), string(v1.HTTPRouteFilterCORS),
		string(v1.HTTPRouteFilterExternalAuth), string(v1.HTTPRouteFilterExtensionRef):
		o.find(manifest.Warning, at, "left to the proxy: filter %s", kind)
	default:
		o.fail(at, "filter %q is not known", kind)
	}
}

func (o *object) timeouts(t *v1.HTTPRouteTimeouts, at path, r *rules.Route) {
	if t == nil {
		return
	}
	r.Timeout, r.PerTry = o.duration(t.Request, at.in("request")), o.duration(t.BackendRequest, at.in("backendRequest"))
	if r.Timeout > 0 && r.PerTry > r.Timeout {
		o.fail(at, "backendRequest (%v) is longer than request (%v); write at most that", r.PerTry, r.Timeout)
	}
}

// usualRetries is how often a request is tried again where only the rest of a retry
// is written: Istio's number.
const usualRetries = 2

func (o *object) retry(t *v1.HTTPRouteRetry, at path, r *rules.Route) {
	if t == nil {
		return
	}
	r.Retries = usualRetries
	if t.Attempts != nil {
		r.Retries = *t.Attempts
	}
	if r.Retries < 0 || r.Retries > 100 {
		o.fail(at.in("attempts"), "attempts is %d; write 0 to 100", r.Retries)
	}
	var on []string
	for i, code := range t.Codes {
		if code < 400 || code > 599 {
			o.fail(at.in("codes", i), "code is %d; write 400 to 599", code)
		}
		on = append(on, strconv.Itoa(int(code)))
	}
	r.RetryOn = strings.Join(on, ",")
	if t.Backoff != nil {
		o.duration(t.Backoff, at.in("backoff"))
		o.find(manifest.Warning, at.in("backoff"), "left to the proxy: backoff %s between tries", *t.Backoff)
	}
}

// The ranks of ways to match a path. Where a regular expression stands is the
// implementation's choice: before prefixes, since one of "/" would hide it.
const (
	rankPrefix = iota + 1
	rankRegex
	rankExact
)

func (o *object) httpMatch(m *v1.HTTPRouteMatch, at path) match {
	kind, length := rankPrefix, 1
	var holds rules.Match
	if p := m.Path; p != nil {
		text := of(p.Value, "/")
		c := rules.Condition{Of: rules.Path}
		switch way := of(p.Type, string(v1.PathMatchPathPrefix)); way {
		case string(v1.PathMatchExact):
			kind, c.Pattern = rankExact, rules.Pattern{Op: rules.Exact, Value: text}
		case string(v1.PathMatchPathPrefix):
			c.Pattern = rules.Pattern{Op: rules.PathPrefix, Value: text}
		case string(v1.PathMatchRegularExpression):
			kind, c.Pattern = rankRegex, o.regex(text, at.in("path"))
		default:
			o.fail(at.in("path"), "path match of type %q is not known; write Exact, PathPrefix or RegularExpression", way)
		}
		if kind != rankRegex && !strings.HasPrefix(text, "/") {
			o.fail(at.in("path"), "path is %q; begin it with /", text)
		}
		length = len(text)
		if kind == rankPrefix {
			length = len(strings.TrimSuffix(text, "/")) + 1
		}
		if kind != rankPrefix || length > 1 { // prefix "/" asks nothing
			holds = append(holds, c)
		}
	}
	method := 0
	if m.Method != nil {
		method = 1
		holds = append(holds, rules.Condition{Of: rules.Method, Pattern: rules.Pattern{Op: rules.Exact, Value: string(*m.Method)}})
	}
	headers := 0
	for i, h := range m.Headers {
		if c := o.named(rules.Header, strings.ToLower(string(h.Name)), of(h.Type, ""), h.Value, at.in("headers", i)); once(holds, c) {
			holds, headers = append(holds, c), headers+1
		}
	}
	query := 0
	for i, q := range m.QueryParams {
		if c := o.named(rules.Query, string(q.Name), of(q.Type, ""), q.Value, at.in("queryParams", i)); once(holds, c) {
			holds, query = append(holds, c), query+1
		}
	}
	return match{at, holds, []int{kind, length, method, headers, query}}
}

// once reports whether nothing is asked of the same header or parameter yet: the first
// entry counts, by the Gateway API.
func once(m rules.Match, c rules.Condition) bool {
	return !slices.ContainsFunc(m, func(d rules.Condition) bool { return d.Of == c.Of && d.Name == c.Name })
}

// named is a condition on a header or a query parameter.
func (o *object) named(of rules.Part, name, way, text string, at path) rules.Condition {
	c := rules.Condition{Of: of, Name: name, Pattern: rules.Pattern{Op: rules.Exact, Value: text}}
	if of == rules.Header && name == "host" { // who asks fairway sends it as the host alone
		c.Of, c.Name = rules.Host, ""
	}
	switch way {
	case "", string(v1.HeaderMatchExact):
	case string(v1.HeaderMatchRegularExpression):
		c.Pattern = o.regex(text, at)
	default:
		o.fail(at, "match of type %q is not known; write Exact or RegularExpression", way)
	}
	if name == "" {
		o.fail(at, "a match on a %s has no name", of)
	}
	return c
}

func (o *object) regex(text string, at path) rules.Pattern {
	p, err := rules.NewPattern(rules.Regex, text)
	if err != nil {
		o.fail(at, "regular expression %q: %v; write it in RE2 syntax", text, err)
	}
	return p
}
