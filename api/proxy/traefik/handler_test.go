package traefik

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tables answers as the decision API does.
type tables struct {
	mu  sync.Mutex
	all []*fairwayv1.ServiceWeights
	err error
}

func (a *tables) Weights(_ *http.Request, services ...string) ([]*fairwayv1.ServiceWeights, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || len(services) == 0 {
		return a.all, a.err
	}
	var out []*fairwayv1.ServiceWeights
	for _, name := range services {
		found := &fairwayv1.ServiceWeights{Service: name, Routes: []*fairwayv1.RouteWeights{{Name: "default", MatchesAll: true, Met: true}}}
		for _, w := range a.all {
			if w.Service == name {
				found = w
			}
		}
		out = append(out, found)
	}
	return out, nil
}

func (a *tables) change(by func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	by()
}

func weights(of ...float64) (list []*fairwayv1.EndpointWeight) {
	for i, w := range of {
		list = append(list, &fairwayv1.EndpointWeight{Endpoint: string(rune('a' + i)), Weight: w})
	}
	return list
}

// shop has a route for jason, one whose criteria are not met, and the rest.
func shop(name string) *fairwayv1.ServiceWeights {
	return &fairwayv1.ServiceWeights{
		Service: name, Endpoints: []*fairwayv1.Endpoint{{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "b.example:2"}, {Name: "c", Address: "[::1]:3"}},
		Routes: []*fairwayv1.RouteWeights{
			{Name: "jason", Met: true, Match: []*fairwayv1.Condition{{Of: "header", Name: "end-user", Op: "exact", Value: "jason"}}, Weights: weights(0, 1)},
			{Name: "slow day", Weights: weights(1)},
			{Name: "default", Met: true, MatchesAll: true, Weights: weights(0.9996, 0, 0.0004)},
		},
	}
}

func get(h *Handler, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/proxy/traefik"+query, nil))
	return w
}

func TestDocument(t *testing.T) {
	api := &tables{all: []*fairwayv1.ServiceWeights{shop("shop")}}
	h := New(api, nil)
	want := `{"http":{"routers":{` +
		`"shop_default":{"rule":"PathPrefix(\"/\")","priority":1,"service":"shop_default"},` +
		`"shop_jason":{"rule":"Header(\"end-user\", \"jason\")","priority":3,"service":"shop_jason"}},` +
		`"services":{` +
		`"shop":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:1","weight":1000},{"url":"http://[::1]:3","weight":1}]}},` +
		`"shop_default":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:1","weight":1000},{"url":"http://[::1]:3","weight":1}]}},` +
		`"shop_jason":{"loadBalancer":{"servers":[{"url":"http://b.example:2","weight":1000}]}},` +
		`"shop_slow-day-` // which has a name of its own, and no router
	if w := get(h, ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) || strings.Count(w.Body.String(), "slow") != 1 {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
	if w := get(h, "?service=shop&routers=no&scheme=h2c&health=/healthz"); w.Body.String() != `{"http":{"services":{"shop":{"loadBalancer":{"servers":`+
		`[{"url":"h2c://127.0.0.1:1","weight":1000},{"url":"h2c://[::1]:3","weight":1}],"healthCheck":{"path":"/healthz","interval":"1s","timeout":"1s"}}}}}}`+"\n" {
		t.Errorf("services alone: %s", w.Body)
	}
	api.all = append(api.all, shop("other.place"))
	if w := get(h, ""); !strings.Contains(w.Body.String(), `"rule":"Host(\"other.place\") \u0026\u0026 Header(\"end-user\", \"jason\")"`) {
		t.Errorf("two services: %s", w.Body)
	}
	if w := get(h, "?service=shop&host=a.example&host=b.example"); !strings.Contains(w.Body.String(), `"rule":"(Host(\"a.example\") || Host(\"b.example\"))"`) {
		t.Errorf("hosts: %s", w.Body)
	}
}

// TestRuleWithoutEndpoints takes its requests all the same, since those behind it would
// get them; a service of which nothing is known has no router.
func TestRuleWithoutEndpoints(t *testing.T) {
	one := shop("shop")
	one.Routes[0].Weights = weights(0, 0)
	api := &tables{all: []*fairwayv1.ServiceWeights{one, {Service: "gone", Routes: []*fairwayv1.RouteWeights{{Name: "default", MatchesAll: true, Met: true}}}}}
	w := get(New(api, nil), "")
	if text := w.Body.String(); !strings.Contains(text, `"priority":3,"service":"shop_jason"`) ||
		!strings.Contains(text, `"shop_jason":{"loadBalancer":{"servers":[]}}`) || strings.Contains(text, "gone") {
		t.Errorf("%d %s", w.Code, text)
	}
}

// TestKeepsLast: Traefik keeps the last document where there is none, and gets the
// last servers of a service that has lost them.
func TestKeepsLast(t *testing.T) {
	api := &tables{}
	h := New(api, nil)
	if w := get(h, ""); w.Code != 503 {
		t.Errorf("an empty table: %d %s", w.Code, w.Body)
	}
	api.all = []*fairwayv1.ServiceWeights{shop("shop")}
	before := get(h, "").Body.String()
	api.all[0].Endpoints = nil
	if after := get(h, ""); after.Code != 200 || after.Body.String() != before {
		t.Errorf("lost endpoints: %d %s", after.Code, after.Body)
	}
	if w := get(h, "?service=who"); w.Code != 503 {
		t.Errorf("unknown: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"?scheme=ftp", "?health=x", "?routers=maybe", "?servic=shop"} {
		if w := get(h, bad); w.Code != 400 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	for code, want := range map[codes.Code]int{codes.PermissionDenied: 403, codes.ResourceExhausted: 429, codes.InvalidArgument: 400, codes.Internal: 503} {
		api.err = status.Error(code, "no")
		if w := get(h, ""); w.Code != want {
			t.Errorf("%v: %d; want %d", code, w.Code, want)
		}
	}
}

// TestUnsaid: a condition that Traefik cannot ask leaves the service without routers,
// for the routes after it would get its requests.
func TestUnsaid(t *testing.T) {
	w := shop("shop")
	w.Routes[0].Match = append(w.Routes[0].Match, &fairwayv1.Condition{Of: "label", Name: "app", Op: "exact", Value: "x"})
	got := get(New(&tables{all: []*fairwayv1.ServiceWeights{w, shop("other")}}, nil), "")
	var doc document
	if err := json.Unmarshal(got.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.HTTP.Routers) != 2 || len(doc.HTTP.Services) != 8 || !strings.Contains(got.Header().Get("X-Fairway-Left-Out"), "label") {
		t.Errorf("%d routers, %d services, %v", len(doc.HTTP.Routers), len(doc.HTTP.Services), got.Header())
	}
}

func TestRule(t *testing.T) {
	for _, test := range []struct {
		c    *fairwayv1.Condition
		want string // "": there is no such matcher
	}{
		{&fairwayv1.Condition{Of: "path", Op: "exact", Value: "/a"}, `Path("/a")`},
		{&fairwayv1.Condition{Of: "path", Op: "prefix", Value: "/a"}, `PathPrefix("/a")`},
		{&fairwayv1.Condition{Of: "path", Op: "path_prefix", Value: "/a/"}, `PathRegexp("^/a(?:/|$)")`},
		{&fairwayv1.Condition{Of: "path", Op: "exact", Value: "/a.b", IgnoreCase: true}, `PathRegexp("(?i)^/a\\.b$")`},
		{&fairwayv1.Condition{Of: "path", Op: "regex", Value: "/a|/`b"}, "PathRegexp(\"^(?:/a|/`b)$\")"},
		{&fairwayv1.Condition{Of: "method", Op: "exact", Value: "GET", Negated: true}, `!Method("GET")`},
		{&fairwayv1.Condition{Of: "method", Op: "prefix", Value: "P"}, ""},
		{&fairwayv1.Condition{Of: "host", Op: "exact", Value: "a.example"}, `Host("a.example")`},
		{&fairwayv1.Condition{Of: "host", Op: "prefix", Value: "a."}, `HostRegexp("^a\\.")`},
		{&fairwayv1.Condition{Of: "host", Op: "exact", Value: "a.example:80"}, ""},
		{&fairwayv1.Condition{Of: "header", Name: "x", Op: "absent"}, `!HeaderRegexp("x", "")`},
		{&fairwayv1.Condition{Of: "header", Name: "x", Op: "absent", Negated: true}, `HeaderRegexp("x", "")`},
		{&fairwayv1.Condition{Of: "header", Name: "x", Op: "present"}, `HeaderRegexp("x", "")`},
		{&fairwayv1.Condition{Of: "header", Name: "x", Op: "prefix", Value: "\"\n"}, `HeaderRegexp("x", "^\"\n")`},
		{&fairwayv1.Condition{Of: "query", Name: "q", Op: "exact", Value: "1"}, `Query("q", "1")`},
		{&fairwayv1.Condition{Of: "query", Name: "q", Op: "path_prefix", Value: "1"}, `QueryRegexp("q", "^1(?:/|$)")`},
		{&fairwayv1.Condition{Of: "zone", Op: "exact", Value: "a"}, ""},
		{&fairwayv1.Condition{Of: "path", Op: "newer"}, ""},
	} {
		got, err := ruleOf(&fairwayv1.RouteWeights{Match: []*fairwayv1.Condition{test.c}}, nil)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%v is %s, %v; want %s", test.c, got, err, test.want)
		}
		if _, err := rules.ReadCondition(test.c.Of, test.c.Name, test.c.Op, test.c.Value, test.c.IgnoreCase, test.c.Negated); err != nil && test.want != "" {
			t.Errorf("%v is no condition of ours: %v", test.c, err)
		}
	}
}

// FuzzDocument: names and addresses of any kind make a document that can be read.
func FuzzDocument(f *testing.F) {
	for _, seed := range [][4]string{{"shop", "jason", "127.0.0.1:1", "x"}, {"", "", "", ""}, {"a@b", "\xff", "[::1]:3/../", "`"}, {"a b", "a_b", "a:99999", "\""}} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, name, route, address, value string) {
		w := shop(name)
		w.Endpoints[0].Address, w.Endpoints[1].Name = address, route
		w.Routes[0].Name, w.Routes[0].Match[0].Value = route, value
		got := get(New(&tables{all: []*fairwayv1.ServiceWeights{w}}, nil), "")
		var doc document
		if err := json.Unmarshal(got.Body.Bytes(), &doc); got.Code == 200 && err != nil {
			t.Fatalf("%s: %v", got.Body, err)
		}
		for name, r := range doc.HTTP.Routers {
			if _, there := doc.HTTP.Services[r.Service]; !there || strings.ContainsAny(name, "@/ ") {
				t.Errorf("router %q to %q, of %v", name, r.Service, doc.HTTP.Services)
			}
		}
	})
}
