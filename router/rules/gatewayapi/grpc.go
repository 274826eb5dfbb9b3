package gatewayapi

import (
	"regexp"
	"strings"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

func (o *object) grpc() {
	var spec v1.GRPCRouteSpec
	if !o.decode(&spec) {
		return
	}
	services := o.parents(&spec.CommonRouteSpec, spec.Hostnames)
	for i := range spec.Rules {
		from, at := &spec.Rules[i], path{"rules", i}
		r := &rule{at: at, name: of(from.Name, ""), session: from.SessionPersistence}
		for j := range from.Matches {
			r.matches = append(r.matches, o.grpcMatch(&from.Matches[j], at.in("matches", j)))
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
		o.take(services, i, r)
	}
	if len(spec.Rules) == 0 {
		o.find(manifest.Warning, nil, "has no rules")
	}
}

// grpcMatch matches on the path of a call, /service/method. That a call is a POST goes
// without saying, and not everybody who asks for a decision says it.
func (o *object) grpcMatch(m *v1.GRPCRouteMatch, at path) match {
	var holds rules.Match
	service, method := "", ""
	if call := m.Method; call != nil {
		service, method = value(call.Service), value(call.Method)
		if p, ok := o.call(service, method, of(call.Type, string(v1.GRPCMethodMatchExact)), at.in("method")); ok {
			holds = append(holds, rules.Condition{Of: rules.Path, Pattern: p})
		}
	}
	headers := 0
	for i, h := range m.Headers {
		if c := o.named(rules.Header, strings.ToLower(string(h.Name)), of(h.Type, ""), h.Value, at.in("headers", i)); once(holds, c) {
			holds, headers = append(holds, c), headers+1
		}
	}
	return match{at, holds, []int{len(service), len(method), headers}}
}

// call is the pattern of the path of calls; a service or method that is not named is any.
func (o *object) call(service, method, way string, at path) (rules.Pattern, bool) {
	const anything = "[^/]+"
	switch {
	case way != string(v1.GRPCMethodMatchExact) && way != string(v1.GRPCMethodMatchRegularExpression):
		o.fail(at, "method match of type %q is not known; write Exact or RegularExpression", way)
		return rules.Pattern{}, false
	case service == "" && method == "":
		o.fail(at, "a method match names neither service nor method; name one, or leave it out")
		return rules.Pattern{}, false
	case way == string(v1.GRPCMethodMatchExact) && service == "":
		return o.regex("/"+anything+"/"+regexp.QuoteMeta(method), at), true
	case way == string(v1.GRPCMethodMatchExact) && method == "":
		return rules.Pattern{Op: rules.Prefix, Value: "/" + service + "/"}, true
	case way == string(v1.GRPCMethodMatchExact):
		return rules.Pattern{Op: rules.Exact, Value: "/" + service + "/" + method}, true
	}
	whole := func(expression string) string {
		if expression == "" {
			return anything
		}
		return "(?:" + expression + ")"
	}
	return o.regex("/"+whole(service)+"/"+whole(method), at), true
}
