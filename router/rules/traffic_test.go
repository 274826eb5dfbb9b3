package rules

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestTrafficIsRead(t *testing.T) {
	s := compiled(t, "testdata/traffic.yaml").Service("cart").Service
	unread := cmp.Options{cmpopts.IgnoreFields(Service{}, "Endpoints"), cmpopts.IgnoreUnexported(Pattern{})}
	want := &Service{
		Name: "cart", Limits: DefaultLimits(), Where: "testdata/traffic.yaml:2",
		Balance: Balance{
			Algorithm: RingHash, Table: 2048, SubsetSize: 20,
			Hash: []HashKey{{Of: HashCookie, Name: "session", TTL: time.Hour}, {Of: HashCookie, Name: "sid"}, {Of: HashHeader, Name: "x-user"}, {Of: HashQuery, Name: "user"}, {Of: HashSource}},
		},
		Circuit: Circuit{Connections: 100, Pending: 50, Requests: 200, Retries: 3, PerConnection: 1000, ConnectTimeout: 250 * time.Millisecond},
		Outlier: Outlier{Consecutive: 7, Interval: 10 * time.Second, BaseEjection: 30 * time.Second, MinHealthy: 0.5},
		Subsets: []Subset{{Name: "canary", Labels: map[string]string{"version": "v2"}, Balance: &Balance{}, Circuit: &Circuit{Requests: 10}}, {Name: "stable"}},
		Routes: []Route{{
			Name: "mobile", Where: "testdata/traffic.yaml:16",
			Match: Match{
				{Of: Path, Pattern: Pattern{Op: PathPrefix, Value: "/Cart", IgnoreCase: true}},
				{Of: Header, Name: "user-agent", Pattern: Pattern{Op: Prefix, Value: "Mozilla/", IgnoreCase: true}, Not: true},
				{Of: Header, Name: "x-debug", Pattern: Pattern{Value: "1"}, Not: true},
				{Of: Method, Pattern: Pattern{Op: Regex, Value: "TRACE|CONNECT"}, Not: true},
			},
			To: []Target{{Subset: "canary", Weight: 100}}, Timeout: 2 * time.Second, Retries: 2, RetryOn: "5xx,connect-failure", PerTry: 500 * time.Millisecond,
		}, {
			Name: "away", Where: "testdata/traffic.yaml:26", Timeout: DefaultTimeout,
			To: []Target{{Subset: "v1", Weight: 70}, {Service: "cart-old", Subset: "v0", Weight: 20}, {Service: "cart-new", Weight: 10}},
		}},
	}
	if diff := cmp.Diff(want, s, unread); diff != "" {
		t.Error(diff)
	}
}

// TestNegatedAndCaseBlind walks requests to the conditions of the file.
func TestNegatedAndCaseBlind(t *testing.T) {
	m := compiled(t, "testdata/traffic.yaml").Service("cart")
	for _, test := range []struct {
		name    string
		request mesh.Request
		want    int
	}{
		{"an app", mesh.Request{Path: "/cart/7", Method: "GET", Headers: headers("user-agent", "shop/3")}, 0},
		{"no agent at all", mesh.Request{Path: "/CART", Method: "GET"}, 0},
		{"no element of the path", mesh.Request{Path: "/carts", Method: "GET"}, 1},
		{"a browser", mesh.Request{Path: "/cart", Method: "GET", Headers: headers("user-agent", "mozilla/5")}, 1},
		{"to be debugged", mesh.Request{Path: "/cart", Method: "GET", Headers: headers("x-debug", "1")}, 1},
		{"not to be debugged", mesh.Request{Path: "/cart", Method: "GET", Headers: headers("x-debug", "0")}, 0},
		{"a method that is excluded", mesh.Request{Path: "/cart", Method: "TRACE"}, 1},
	} {
		if got := m.Match(&test.request, nil); got != test.want {
			t.Errorf("%s: route %d; want %d", test.name, got, test.want)
		}
	}
}
