package istio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestMatch walks requests through one match each.
func TestMatch(t *testing.T) {
	h := func(pairs ...string) mesh.Request {
		r := mesh.Request{Path: "/", Headers: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			r.Headers[pairs[i]] = pairs[i+1]
		}
		return r
	}
	app := mesh.Request{Path: "/", Source: mesh.Source{Labels: map[string]string{"app": "web", "version": "v1"}}}
	for _, test := range []struct {
		match   string
		request mesh.Request
		want    bool
	}{
		{"{}", h(), true},
		{"{uri: {exact: /a}}", mesh.Request{Path: "/a"}, true},
		{"{uri: {exact: /a}}", mesh.Request{Path: "/A"}, false},
		{"{uri: {exact: /a}, ignoreUriCase: true}", mesh.Request{Path: "/A"}, true},
		{"{uri: {prefix: /a}, ignoreUriCase: true}", mesh.Request{Path: "/Ab"}, true},
		{"{uri: {prefix: /a}}", mesh.Request{Path: "/abc"}, true}, // not by whole elements
		{"{uri: {regex: '/a/[0-9]+'}}", mesh.Request{Path: "/a/17"}, true},
		{"{uri: {regex: '/a/[0-9]+'}}", mesh.Request{Path: "/a/17/b"}, false},
		{"{uri: {regex: /a}, ignoreUriCase: true}", mesh.Request{Path: "/A"}, false}, // Istio: exact and prefix only
		{"{method: {exact: GET}}", mesh.Request{Method: "GET"}, true},
		{"{method: {exact: GET}}", mesh.Request{Method: "POST"}, false},
		{"{authority: {prefix: shop.}}", mesh.Request{Host: "shop.example.com"}, true},
		{"{authority: {prefix: shop.}, method: {exact: GET}}", mesh.Request{Host: "shop.example.com"}, false},
		{"{headers: {End-User: {exact: jason}}}", h("end-user", "jason"), true},
		{"{headers: {end-user: {exact: jason}}}", h("end-user", "Jason"), false},
		{"{headers: {end-user: {prefix: ja}}}", h("end-user", "jason"), true},
		{"{headers: {end-user: {regex: 'j.*n'}}}", h("end-user", "jason"), true},
		{"{headers: {end-user: {regex: 'j.*o'}}}", h("end-user", "jason"), false},
		{"{headers: {end-user: {}}}", h("end-user", ""), true},
		{"{headers: {Host: {exact: shop.example.com}}}", mesh.Request{Host: "shop.example.com"}, true},
		{"{headers: {host: {prefix: shop.}}}", mesh.Request{Host: "cart.example.com"}, false},
		{"{withoutHeaders: {host: {prefix: shop.}}}", mesh.Request{Host: "shop.example.com"}, false},
		{"{headers: {end-user: {}}}", h(), false},
		{"{headers: {a: {exact: b}, c: {exact: d}}}", h("a", "b"), false},
		{"{headers: {a: {exact: b}, c: {exact: d}}}", h("a", "b", "c", "d"), true},
		{"{withoutHeaders: {a: {}}}", h(), true},
		{"{withoutHeaders: {a: {}}}", h("a", "b"), false},
		{"{withoutHeaders: {a: {exact: b}}}", h("a", "b"), false},
		{"{withoutHeaders: {a: {exact: b}}}", h("a", "c"), true},
		{"{withoutHeaders: {a: {exact: b}}}", h(), true},
		{"{withoutHeaders: {a: {regex: 'b*'}}}", h(), false}, // a missing header is an empty one
		{"{withoutHeaders: {a: {regex: 'b+'}}}", h(), true},
		{"{withoutHeaders: {a: {regex: 'b*'}}}", h("a", "c"), true},
		{"{queryParams: {a: {exact: b}}}", mesh.Request{Query: "x=1&a=b"}, true},
		{"{queryParams: {a: {exact: b}}}", mesh.Request{Query: "a=bc"}, false},
		{"{queryParams: {a: {prefix: b}}}", mesh.Request{Query: "a=bc"}, true},
		{"{queryParams: {a: {}}}", mesh.Request{Query: "a"}, true},
		{"{queryParams: {a: {regex: '[0-9]+'}}}", mesh.Request{Query: "a=12"}, true},
		{"{sourceLabels: {app: web}}", app, true},
		{"{sourceLabels: {app: web, version: v2}}", app, false},
		{"{gateways: [mesh]}", h(), true},
	} {
		services, _, err := text(t, of("  http: [{match: ["+test.match+"], route: [{destination: {host: reviews}}]}]"))
		if err != nil {
			t.Errorf("%s: %v", test.match, err)
			continue
		}
		if got := compile(t, services).Service("reviews").Match(&test.request, nil) == 0; got != test.want {
			t.Errorf("%s: %+v matches: %v", test.match, test.request, got)
		}
	}
}

// TestWeights: each destination has its weight over the sum of all.
func TestWeights(t *testing.T) {
	for route, want := range map[string]string{
		"[{destination: {host: reviews, subset: a}}]":                                                                                  "a 100",
		"[{destination: {host: reviews, subset: a}, weight: 30}]":                                                                      "a 100",
		"[{destination: {host: reviews, subset: a}, weight: 1}, {destination: {host: reviews, subset: b}, weight: 3}]":                 "a 25, b 75",
		"[{destination: {host: reviews, subset: a}, weight: 100}, {destination: {host: reviews, subset: b}, weight: 0}]":               "a 100",
		"[{destination: {host: reviews, subset: a}, weight: 100}, {destination: {host: reviews, subset: b}}]":                          "a 100",
		"[{destination: {host: reviews, subset: a}, weight: 2}, {destination: {host: reviews, subset: a}, weight: 3}]":                 "a 100",
		"[{destination: {host: other}, weight: 50}, {destination: {host: reviews, subset: a}, weight: 50}]":                            "other: 50, a 50",
		"[{destination: {host: reviews.default.svc.cluster.local, subset: a}}]":                                                        "a 100",
		"[{destination: {host: far.away.svc.cluster.local, subset: a}}]":                                                               "far.away:a 100",
		"[{destination: {host: reviews, subset: a}, weight: 2147483647}, {destination: {host: other, subset: b}, weight: 2147483647}]": "a 50, other:b 50",
	} {
		services, _, err := text(t, of("  http: [{route: "+route+"}]"))
		if err != nil {
			t.Errorf("%s: %v", route, err)
			continue
		}
		if got := told(services[0].Routes[0].To); got != want {
			t.Errorf("%s: %s, want %s", route, got, want)
		}
	}
}

// TestNames: rules are called by their names, or by their object and place, and the
// alternatives of a rule are counted.
func TestNames(t *testing.T) {
	services, _, err := text(t, of(`  http:
  - name: first
    match: [{uri: {exact: /a}}, {uri: {exact: /b}}, {uri: {exact: /c}}]
    route: [{destination: {host: reviews}}]
  - match: [{uri: {exact: /d}}, {uri: {exact: /e}}]
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: reviews}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range services[0].Routes {
		got = append(got, r.Name+" "+r.Where)
	}
	want := []string{"first f.yaml:8", "first/2 f.yaml:8", "first/3 f.yaml:8", "reviews.2 f.yaml:10", "reviews.2/2 f.yaml:10", "reviews.3 f.yaml:12"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if where := services[0].Where; where != "f.yaml:5" {
		t.Errorf("the service stands at %s", where)
	}
}

func TestTimeoutsAndRetries(t *testing.T) {
	for _, test := range []struct {
		rule            string
		timeout, perTry time.Duration
		retries         int
		on              string
	}{
		{"", rules.DefaultTimeout, 0, 2, defaultRetryOn},
		{", timeout: 100ms", 100 * time.Millisecond, 0, 2, defaultRetryOn},
		{", timeout: 1m0.5s, retries: {attempts: 0, retryOn: 5xx}", time.Minute + 500*time.Millisecond, 0, 0, ""},
		{", retries: {attempts: 3}", rules.DefaultTimeout, 0, 3, defaultRetryOn},
		{", retries: {attempts: 3, perTryTimeout: 2s, retryOn: 'gateway-error,503'}", rules.DefaultTimeout, 2 * time.Second, 3, "gateway-error,503"},
	} {
		services, _, err := text(t, of("  http: [{route: [{destination: {host: reviews}}]"+test.rule+"}]"))
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		r := services[0].Routes[0]
		if r.Timeout != test.timeout || r.PerTry != test.perTry || r.Retries != test.retries || r.RetryOn != test.on {
			t.Errorf("%s: %v %v %d %q", test.rule, r.Timeout, r.PerTry, r.Retries, r.RetryOn)
		}
	}
}

// TestHosts: an object of several hosts is a service for each.
func TestHosts(t *testing.T) {
	services, _, err := text(t, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: both}
spec:
  hosts: [reviews, Shop.Example.com, "*.example.com"]
  gateways: [mesh, edge]
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range services {
		got = append(got, s.Name+" to "+told(s.Routes[0].To))
	}
	want := []string{"reviews to v1 100", "shop.example.com to reviews:v1 100", "*.example.com to reviews:v1 100"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestGateways merges two objects of one host at a gateway by their age.
func TestGateways(t *testing.T) {
	services, _ := translated(t, "testdata/gateways.yaml")
	var got []string
	for _, r := range services[0].Routes {
		got = append(got, r.Name+" to "+told(r.To))
	}
	want := []string{"old.1 to oldcart: 100", "cart to cart: 100", "rest to shop: 100"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPolicy carries everything that a DestinationRule may say, once.
func TestPolicy(t *testing.T) {
	services, _, err := text(t, dest(`  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    loadBalancer:
      simple: ROUND_ROBIN
      localityLbSetting:
        distribute:
        - {from: "eu/a/*", to: {"eu/a/*": 80, "eu/b/*": 20}}
        - {from: "eu/b", to: {"eu/b": 100}}
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 30ms}
      http: {http1MaxPendingRequests: 1, http2MaxRequests: 1000, maxRequestsPerConnection: 10, maxRetries: 3}
    outlierDetection: {consecutive5xxErrors: 7, consecutiveGatewayErrors: 7, interval: 5m, baseEjectionTime: 15m, maxEjectionPercent: 50, minHealthPercent: 30}
    portLevelSettings: []
  subsets:
  - name: v1
    labels: {version: v1}
  - name: blue
    labels: {version: v2, app: reviews}
    trafficPolicy:
      loadBalancer:
        consistentHash: {httpHeaderName: X-User, maglev: {tableSize: 65537}}
        localityLbSetting:
          distribute:
          - {from: "eu/a/*", to: {"eu/a/*": 80, "eu/b/*": 20}}
          - {from: "eu/b", to: {"eu/b": 100}}
      connectionPool: {tcp: {maxConnections: 5}}
      outlierDetection: {consecutive5xxErrors: 7, consecutiveGatewayErrors: 7, interval: 5m, baseEjectionTime: 15m, maxEjectionPercent: 50, minHealthPercent: 30}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := rules.Service{
		Name:   "reviews",
		Where:  "f.yaml:5",
		Limits: rules.Limits{Step: rules.DefaultLimits().Step, Floor: rules.DefaultLimits().Floor, MaxEjection: 0.5},
		Locality: rules.Locality{Spill: &rules.Spill{Split: map[string]map[string]float64{
			"a": {"a": 80, "b": 20}, "b": {"b": 100},
		}}},
		Balance: rules.Balance{Algorithm: rules.RoundRobin},
		Circuit: rules.Circuit{Connections: 100, Pending: 1, Requests: 1000, Retries: 3, PerConnection: 10, ConnectTimeout: 30 * time.Millisecond},
		Outlier: rules.Outlier{Consecutive: 7, Interval: 5 * time.Minute, BaseEjection: 15 * time.Minute, MinHealthy: 0.3},
		Subsets: []rules.Subset{
			{Name: "v1", Labels: map[string]string{"version": "v1"}},
			{
				Name: "blue", Labels: map[string]string{"version": "v2", "app": "reviews"},
				Balance: &rules.Balance{Algorithm: rules.Maglev, Hash: []rules.HashKey{{Of: rules.HashHeader, Name: "x-user"}}, Table: 65537},
				Circuit: &rules.Circuit{Connections: 5},
			},
		},
	}
	if diff := cmp.Diff([]rules.Service{want}, services, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// TestBalance reads ways to balance.
func TestBalance(t *testing.T) {
	for setting, want := range map[string]rules.Balance{
		"{}":                                    {},
		"{simple: LEAST_REQUEST}":               {Algorithm: rules.LeastRequest},
		"{simple: LEAST_CONN}":                  {Algorithm: rules.LeastRequest},
		"{simple: RANDOM}":                      {Algorithm: rules.Random},
		"{consistentHash: {useSourceIp: true}}": {Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashSource}}},
		"{consistentHash: {httpQueryParameterName: User, minimumRingSize: 512}}":                {Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashQuery, Name: "User"}}, Table: 512},
		"{consistentHash: {httpCookie: {name: s, ttl: 1h}, ringHash: {minimumRingSize: 2048}}}": {Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "s", TTL: time.Hour}}, Table: 2048},
		"{consistentHash: {httpCookie: {name: s}, maglev: {}}}":                                 {Algorithm: rules.Maglev, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "s"}}},
	} {
		services, _, err := text(t, dest("  trafficPolicy: {loadBalancer: "+setting+"}"))
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		if diff := cmp.Diff(want, services[0].Balance); diff != "" {
			t.Errorf("%s: %s", setting, diff)
		}
	}
}

// TestLocality reads failover, and locality that is switched off.
func TestLocality(t *testing.T) {
	for setting, want := range map[string]*rules.Spill{
		"{enabled: false, failover: [{from: a, to: b}]}": nil,
		"{enabled: true}": {},
		"{failover: [{from: a, to: b}, {from: b, to: c}]}": {Order: map[string][]string{"a": {"b"}, "b": {"c"}}},
	} {
		services, _, err := text(t, dest("  trafficPolicy: {loadBalancer: {localityLbSetting: "+setting+"}}"))
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		if diff := cmp.Diff(want, services[0].Locality.Spill); diff != "" {
			t.Errorf("%s: %s", setting, diff)
		}
	}
}

// TestPortsThatDoNotDiffer are let pass.
func TestPortsThatDoNotDiffer(t *testing.T) {
	_, _, err := text(t, dest(`  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]
`))
	if err != nil {
		t.Error(err)
	}
}

// TestSubsetsOfTwoObjects are those of one service.
func TestSubsetsOfTwoObjects(t *testing.T) {
	services, _, err := text(t, dest("  subsets: [{name: a, labels: {version: a}}]\n---\n"+
		dest("  subsets: [{name: b, labels: {version: b}}]\n  trafficPolicy: {tls: {mode: MUTUAL}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	if len(services) != 1 || len(services[0].Subsets) != 2 {
		t.Errorf("%+v", services)
	}
}

// TestOthersAreIgnored: objects of other kinds are nobody's business here.
func TestOthersAreIgnored(t *testing.T) {
	services, findings, err := text(t, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {nonsense: true}\n---\n"+
		"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {servers: []}\n")
	if services != nil || findings != nil || err != nil {
		t.Errorf("%v %v %v", services, findings, err)
	}
}

// TestAnnotatedVersion: the version of a set of rules is an annotation that readers
// of objects see.
func TestAnnotatedVersion(t *testing.T) {
	for _, o := range read(t, "testdata/version.yaml") {
		if got := o.Annotations["config/version"]; got != "1.4.0" {
			t.Errorf("%s has version %q", o.String(), got)
		}
	}
}

// TestBounds refuses more rules than anybody means, in a moment.
func TestBounds(t *testing.T) {
	rule := "  - &r {match: [" + strings.Repeat("{uri: {exact: /a}}, ", 100) + "], route: [{destination: {host: reviews}}]}\n"
	many := of("  http:\n" + rule + strings.Repeat("  - *r\n", 101))
	_, _, err := text(t, many)
	if err == nil || !strings.Contains(err.Error(), "f.yaml:5: more than 10000 rules for host reviews") {
		t.Errorf("many rules: %.200v", err)
	}
	hosts := strings.Replace(of("  http:\n"+rule+strings.Repeat("  - *r\n", 90)), "[reviews]", "[a, b, c, d, e, f, g, h, i, j, k, l]", 1)
	_, _, err = text(t, hosts)
	if got := lines(err); len(got) != 2 || !strings.Contains(got[0], "for host k") {
		t.Errorf("many hosts: %.300v", err)
	}
	headers := ""
	for i := range 5000 {
		headers += fmt.Sprintf("':h%d': {exact: a}, ", i)
	}
	_, _, err = text(t, of("  http: [{match: [{headers: {"+headers+"}}], route: [{destination: {host: reviews}}]}]"))
	if got := lines(err); len(got) != maxErrors {
		t.Errorf("%d errors", len(got))
	}
}

// TestManyRules are taken, and not looked through for unreachable ones.
func TestManyRules(t *testing.T) {
	spec := "  http:\n"
	for i := range maxReviewed {
		spec += fmt.Sprintf("  - {match: [{uri: {exact: /%d}}], route: [{destination: {host: reviews}}]}\n", i)
	}
	services, findings, err := text(t, of(spec+"  - {route: [{destination: {host: reviews}}]}\n"))
	if err != nil || len(services[0].Routes) != maxReviewed+1 {
		t.Fatal(err)
	}
	if len(findings) != 1 || !strings.Contains(findings[0].Text, "does not look for those that are never reached") {
		t.Errorf("%v", findings)
	}
}

func TestErrorsAreInOrder(t *testing.T) {
	_, _, err := Translate(read(t, "testdata/refused.yaml", "testdata/refused-destinations.yaml"))
	all := lines(err)
	if len(all) < 50 || !strings.HasPrefix(all[0], "testdata/refused.yaml:6:") || !strings.HasPrefix(all[len(all)-1], "testdata/refused-destinations.yaml:") {
		t.Errorf("%d errors, the first %q, the last %q", len(all), all[0], all[len(all)-1])
	}
}

// TestEncodedQueries: a value that Istio compares otherwise than fairway is warned of.
func TestEncodedQueries(t *testing.T) {
	for value, warned := range map[string]bool{"{exact: a%20b}": true, "{prefix: a+}": true, "{exact: a b}": true, "{exact: ab}": false, "{regex: a+}": false} {
		_, findings, err := text(t, of("  http: [{match: [{queryParams: {q: "+value+"}}], route: [{destination: {host: reviews}}]}]"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(fmt.Sprint(findings), "compares query parameters decoded"); got != warned {
			t.Errorf("%s: warned %v; want %v", value, got, warned)
		}
	}
}
