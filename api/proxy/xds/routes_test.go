package xds

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestNeverRoutedWrongly: clients that follow what they are told, in the words of
// Envoy's documentation, send every request where the rules do, or refuse it where a
// rule cannot be said.
func TestNeverRoutedWrongly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	asked, refused, routed := 0, 0, map[string]int{}
	for range 400 {
		table := randomTable(t, r)
		for _, to := range []kind{envoy, grpcClient} {
			c := &client{kind: to, source: mesh.Source{Zone: pick(r, "a", "b"), Labels: map[string]string{"app": pick(r, "x", "y")}}}
			routes := table.Load("s")
			p, err := newPage(routes, to, nil, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			said, unsaid := routeConfiguration(p, c)
			if err := said.ValidateAll(); err != nil {
				t.Fatalf("%v\n%v", err, said)
			}
			for range 40 {
				req := randomRequest(r, c)
				want := routes.Weigh(req)
				rule, _ := routes.Rule(want.Place)
				got := follow(t, said, req, to)
				asked++
				switch {
				case got == "refused" && len(unsaid) > 0:
					refused++
				case got != clusterName("s", want.Route, rule != nil):
					t.Fatalf("client %d sends %+v to %s; the rules to %s by\n%v\nit was told\n%v", to, req, got, want.Route, table.Rules().File().Services[0].Routes, said)
				default:
					routed[want.Route]++
				}
			}
		}
	}
	t.Logf("%d requests, %d refused, routed %v", asked, refused, routed)
	if refused == 0 || refused > asked/2 || len(routed) < 4 {
		t.Error("the rules or the requests are not what this test is for")
	}
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

func randomTable(t *testing.T, r *rand.Rand) *router.Table {
	s := rules.Service{Name: "s", Endpoints: []rules.Endpoint{{Endpoint: mesh.Endpoint{Name: "e", Address: "127.0.0.1:1"}, Weight: 1}}}
	for i := range 1 + r.IntN(4) {
		route := rules.Route{Name: fmt.Sprint("r", i)}
		for range r.IntN(4) {
			route.Match = append(route.Match, randomCondition(t, r))
		}
		s.Routes = append(s.Routes, route)
	}
	set, err := rules.Compile(&rules.File{Name: "random", Services: []rules.Service{s}})
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

var vocabulary = map[string][]string{
	"header": {"", "A", "a", "ab", "a.c"}, "path": {"/", "/a", "/a/", "/A/b", "/ab"}, "method": {"POST", "GET", "P"},
	"query": {"", "1", "12"}, "host": {"a.com", "A.com", "a.", "b*", "a.com.de"}, "label": {"x", "y"}, "zone": {"a", "b"},
}

func randomCondition(t *testing.T, r *rand.Rand) rules.Condition {
	of := pick(r, "header", "header", "path", "path", "method", "query", "host", "host", "label", "zone")
	name := map[string]string{"header": pick(r, "h1", "h2", "x-bin"), "query": "q", "label": pick(r, "app", "tier")}[of]
	op := pick(r, "exact", "prefix", "regex", "present", "absent", "path_prefix")
	text := pick(r, vocabulary[of]...)
	if op == "regex" {
		text = pick(r, "a.*", "/a(/b)?", "[A-Z]+", "a.com|b.*", "1?")
	}
	c, err := rules.ReadCondition(of, name, op, text, r.IntN(3) == 0 && (op == "exact" || op == "prefix" || op == "path_prefix"), r.IntN(3) == 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func randomRequest(r *rand.Rand, c *client) *mesh.Request {
	req := &mesh.Request{
		Service: "s", Source: c.source, Method: "POST", Headers: map[string]string{},
		Path: pick(r, "/", "/a", "/a/", "/a/b", "/A/b", "/ab", "/abc", "/b"), Host: pick(r, "a.com", "a.com.de", "a.", "a.x", "b", "c.com"),
	}
	for _, name := range []string{"h1", "h2"} {
		if r.IntN(3) > 0 {
			req.Headers[name] = pick(r, vocabulary["header"]...)
		}
	}
	if c.kind == envoy {
		req.Method, req.Query = pick(r, "POST", "GET", "PUT"), pick(r, "", "q=1", "q=12&x=2", "q", "x=1")
	}
	return req
}

// follow is what a client does with a request.
func follow(t *testing.T, said *routev3.RouteConfiguration, req *mesh.Request, by kind) string {
	var best *routev3.VirtualHost
	length := -1
	for _, h := range said.VirtualHosts {
		domain := h.Domains[0]
		if by == envoy {
			domain = strings.ToLower(domain)
		}
		switch {
		case domain == req.Host:
			best, length = h, 1<<20
		case strings.HasSuffix(domain, "*") && len(domain) > length && strings.HasPrefix(req.Host, domain[:len(domain)-1]) && len(req.Host) >= len(domain):
			best, length = h, len(domain)
		}
	}
	for _, r := range best.Routes {
		if !matched(t, r.Match, req) {
			continue
		}
		if r.GetRoute() == nil {
			return "refused"
		}
		return r.GetRoute().GetCluster()
	}
	t.Fatal("no route at all")
	return ""
}

func matched(t *testing.T, m *routev3.RouteMatch, req *mesh.Request) bool {
	path, fold := req.Path, m.CaseSensitive != nil && !m.CaseSensitive.Value
	switch p := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		if !compare(path, p.Prefix, fold, strings.HasPrefix) {
			return false
		}
	case *routev3.RouteMatch_Path:
		if !compare(path, p.Path, fold, func(a, b string) bool { return a == b }) {
			return false
		}
	case *routev3.RouteMatch_SafeRegex:
		if !regexp.MustCompile("^(?:" + p.SafeRegex.Regex + ")$").MatchString(path) {
			return false
		}
	default:
		t.Fatalf("a path specifier that gRPC does not know: %v", m)
	}
	query, err := url.ParseQuery(req.Query)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range m.QueryParameters {
		if !query.Has(q.Name) || q.GetStringMatch() != nil && !matchedText(t, q.GetStringMatch(), query.Get(q.Name)) {
			return false
		}
	}
	for _, h := range m.Headers {
		value, there := req.Headers[h.Name]
		switch h.Name {
		case ":method":
			value, there = req.Method, true
		case ":authority":
			value, there = req.Host, true
		}
		if h.GetPresentMatch() {
			if there == h.InvertMatch {
				return false
			}
		} else if !there || matchedText(t, h.GetStringMatch(), value) == h.InvertMatch {
			return false
		}
	}
	return true
}

func matchedText(t *testing.T, m *matcherv3.StringMatcher, text string) bool {
	switch p := m.MatchPattern.(type) {
	case *matcherv3.StringMatcher_Exact:
		return compare(text, p.Exact, m.IgnoreCase, func(a, b string) bool { return a == b })
	case *matcherv3.StringMatcher_Prefix:
		return compare(text, p.Prefix, m.IgnoreCase, strings.HasPrefix)
	case *matcherv3.StringMatcher_SafeRegex:
		return regexp.MustCompile("^(?:" + p.SafeRegex.Regex + ")$").MatchString(text)
	}
	t.Fatalf("a matcher that nobody knows: %v", m)
	return false
}

func compare(value, own string, fold bool, is func(a, b string) bool) bool {
	if fold {
		value, own = strings.ToLower(value), strings.ToLower(own)
	}
	return is(value, own)
}
