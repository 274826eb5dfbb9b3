package gatewayapi

import (
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// TestRequests: each request takes the rule that the Gateway API's documentation says:
// the most specific one, wherever it is written.
func TestRequests(t *testing.T) {
	site := func(path string, more ...string) *mesh.Request {
		r := &mesh.Request{Service: "www.example.com", Method: "GET", Headers: map[string]string{}}
		r.Path, r.Query, _ = strings.Cut(path, "?")
		for _, m := range more {
			if name, value, ok := strings.Cut(m, "="); ok {
				r.Headers[name] = value
			} else {
				r.Method = m
			}
		}
		return r
	}
	shop := func(path string, more ...string) *mesh.Request {
		r := site(path, more...)
		r.Service = "shop"
		return r
	}
	call := func(path string, more ...string) *mesh.Request {
		r := site(path, more...)
		r.Service, r.Method = "ledger", "POST"
		return r
	}
	for _, c := range []struct {
		file    string
		request *mesh.Request
		want    string
	}{
		// A prefix is of whole elements, the longest first; an exact path comes before it.
		{"paths", site("/"), "site.1"},
		{"paths", site("/about"), "site.1"},
		{"paths", site("/shop"), "site.3"},
		{"paths", site("/shop/"), "site.2"},
		{"paths", site("/shop/x"), "site.2"},
		{"paths", site("/shopping"), "site.1"},
		{"paths", site("/shop/cart"), "site.2/2"},
		{"paths", site("/shop/cart/x"), "site.2"}, // an expression is of the whole path
		// Then the method, then more headers, then more parameters.
		{"paths", site("/shop/basket"), "site.2"},
		{"paths", site("/shop/basket", "POST"), "basket.1"},
		{"paths", site("/shop/basket/1", "POST", "a=1", "b=2"), "basket.1"},
		{"paths", site("/shop/basket?q=1", "a=1", "b=2"), "basket.1/2"},
		{"paths", site("/shop/basket?q=1", "a=1"), "basket.1/3"}, // of a header that stands twice the first counts
		{"paths", site("/shop/baskets?q=1", "a=1"), "site.2"},
		// Alternatives of a named rule, and the rule without matches.
		{"canary", shop("/"), "shop.1"},
		{"canary", shop("/", "x-canary=always"), "testers"},
		{"canary", shop("/?canary=yes"), "testers/2"},
		{"canary", shop("/?canary=yes", "PUT"), "shop.1"},
		{"canary", shop("/?canary=yesterday"), "shop.1"},
		// Calls by service and method.
		{"grpc", call("/bank.Ledger/Book"), "writes"},
		{"grpc", call("/bank.Ledger/Read"), "ledger.2"},
		{"grpc", call("/bank.LedgerX/Read"), "ledger.1"},
		{"grpc", call("/bank.Other/BookAll", "tenant=t1"), "writes/2"},
		{"grpc", call("/bank.Other/BookAll", "tenant=x"), "ledger.1"},
		{"grpc", call("/any.Service/Ping"), "ledger.2/2"},
	} {
		services, _, err := Translate(read(t, "testdata/"+c.file+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		set, err := rules.Compile(&rules.File{Name: c.file, Services: services})
		if err != nil {
			t.Fatal(err)
		}
		m := set.Service(c.request.Service)
		got := "none"
		if i := m.Match(c.request, nil); i >= 0 {
			got = m.Service.Routes[i].Name
		}
		if got != c.want {
			t.Errorf("%s %s %s?%s %v: route %s; want %s", c.file, c.request.Method, c.request.Path, c.request.Query, c.request.Headers, got, c.want)
		}
	}
}

// TestPrecedence: between equal matches the older object wins, then the name.
func TestPrecedence(t *testing.T) {
	object := func(name, created string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name + created + "}\n" +
			"spec: {parentRefs: [{group: '', kind: Service, name: s}], rules: [{backendRefs: [{name: b, port: 80}]}]}\n---\n"
	}
	for _, c := range []struct{ text, want string }{
		{object("b", "") + object("a", ""), "a.1 b.1"},
		{object("b", ", creationTimestamp: \"2026-01-01T00:00:00Z\"") + object("a", ""), "b.1 a.1"},
		{object("a", ", creationTimestamp: \"2026-01-02T00:00:00Z\"") + object("b", ", creationTimestamp: \"2026-01-01T00:00:00Z\""), "b.1 a.1"},
	} {
		objects, err := manifest.Read("x.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		services, findings, err := Translate(objects)
		if err != nil || len(services) != 1 {
			t.Fatal(services, err)
		}
		var names []string
		for _, r := range services[0].Routes {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("got %s; want %s", got, c.want)
		}
		if len(findings) != 1 || findings[0].Level != manifest.Warning || !strings.Contains(findings[0].Text, "never reached") {
			t.Errorf("findings %v; want that the second is never reached", findings)
		}
	}
}

// TestSameName: rules of several objects with one name are told apart.
func TestSameName(t *testing.T) {
	var text string
	for _, name := range []string{"one", "two"} {
		text += "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name + "}\n" +
			"spec: {parentRefs: [{group: '', kind: Service, name: s}], rules: [{name: all, matches: [{path: {value: /" + name + "}}], backendRefs: [{name: b, port: 80}]}]}\n---\n"
	}
	objects, err := manifest.Read("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	services, _, err := Translate(objects)
	if err != nil || services[0].Routes[0].Name != "one.all" || services[0].Routes[1].Name != "two.all" {
		t.Errorf("%+v, %v", services, err)
	}
}

// FuzzTranslate: whatever an object says, it becomes rules that compile, or an error
// with its place.
func FuzzTranslate(f *testing.F) {
	f.Add("HTTPRoute", `{parentRefs: [{name: g}], hostnames: [a, "*"], rules: [{matches: [{path: {type: Exact, value: /a}, method: GET}], backendRefs: [{name: a, port: 1, weight: 3}]}]}`)
	f.Add("GRPCRoute", `{parentRefs: [{group: "", kind: Service, name: s}], rules: [{matches: [{method: {type: RegularExpression, service: "a|b"}}], backendRefs: [{name: s, port: 1}]}]}`)
	f.Add("ReferenceGrant", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}], to: [{group: "", kind: Service}]}`)
	f.Fuzz(func(t *testing.T, kind, spec string) {
		text := "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: x}\nspec: " + spec
		objects, err := manifest.Read("f", []byte(text))
		if err != nil {
			return
		}
		services, _, err := Translate(objects)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		file := &rules.File{Name: "f", Services: services}
		if _, err := rules.Compile(file); err != nil {
			t.Errorf("does not compile: %v", err)
		}
		for _, s := range services {
			for _, r := range s.Routes {
				sum := 0.0
				for _, to := range r.To {
					sum += to.Weight
				}
				if !r.Auto() && (sum < 99.9 || sum > 100.1) {
					t.Errorf("route %s: weights sum to %v", r.Name, sum)
				}
			}
		}
	})
}

// TestTooManyRoutes are refused in time.
func TestTooManyRoutes(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\n" +
		"spec:\n  parentRefs: [{group: '', kind: Service, name: s}]\n  rules:\n")
	for range maxRoutes + 1 {
		text.WriteString("    - {backendRefs: [{name: b, port: 80}]}\n")
	}
	objects, err := manifest.Read("x.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Translate(objects); err == nil || !strings.Contains(err.Error(), "more than 10000 routes") {
		t.Errorf("got %v", err)
	}
}

// TestHostHeader: a match on the header host is one on the host, and what is refused of a
// rule for several hosts is said once.
func TestHostHeader(t *testing.T) {
	route := func(rule string) []manifest.Object {
		objects, err := manifest.Read("f.yaml", []byte("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: site}\nspec:\n  parentRefs: [{name: gw}]\n  hostnames: [a.example.com, b.example.com]\n  rules: ["+rule+"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		return objects
	}
	services, _, err := Translate(route("{matches: [{headers: [{name: Host, value: c}]}], backendRefs: [{name: shop, port: 80}]}"))
	if err != nil {
		t.Fatal(err)
	}
	want := rules.Condition{Of: rules.Host, Pattern: rules.Pattern{Op: rules.Exact, Value: "c"}}
	if got := services[0].Routes[0].Match; len(got) != 1 || got[0] != want {
		t.Errorf("%+v; want %+v", got, want)
	}
	if _, _, err = Translate(route("{backendRefs: []}")); err == nil || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("one rule without backends: %v", err)
	}
}
