package xds_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	adapter "github.com/fairway-mesh/fairway/api/proxy/xds"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestClientFollowsWeights is a stock gRPC client whose requests go where the table
// says, while the weights change, while nobody decides, and after that.
func TestClientFollowsWeights(t *testing.T) {
	list := endpoints(t, 3)
	table := newTable(t, fmt.Sprintf("services: [{name: reviews, endpoints: %s}]", yaml(list)))
	publish(table, "reviews", 0.7, 0.2, 0.1)
	control := serve(t, table, porttest.Address(t), nil)
	client := dial(t, control.address, "reviews", "")
	meets(t, client, list, 0.7, 0.2, 0.1)

	publish(table, "reviews", 0.2, 0.1, 0.7)
	meets(t, client, list, 0.2, 0.1, 0.7)
	publish(table, "reviews", 0.9, 0.1, 0) // ejected
	meets(t, client, list, 0.9, 0.1, 0)

	control.stop()
	publish(table, "reviews", 0.1, 0.1, 0.8)
	if got := call(t, client, list, 1000); !within(got, []float64{0.9, 0.1, 0}, 1000) {
		t.Errorf("without a decision service: %v", got)
	}
	serve(t, table, control.address, nil)
	meets(t, client, list, 0.1, 0.1, 0.8)
}

// TestClientFollowsRules is the origin's reviews: jason sees v2, everybody else v1
// and v3.
func TestClientFollowsRules(t *testing.T) {
	list := endpoints(t, 3)
	file, err := rules.Parse("test.yaml", fmt.Appendf(nil, `
services:
  - name: reviews
    endpoints: %s
    routes:
      - {name: elsewhere, match: {method: GET}, to: v1}
      - {name: jason, match: {headers: {end-user: {prefix: jas}}}, to: v2, timeout: 5s}
      - {name: tester, match: {path: {prefix: /grpc.health.}, headers: {tester: {regex: "[a-c]+"}}}, to: v3}
      - {name: others, match: {path: {prefix: /grpc.health.v1.Health}}, to: v3, retries: 2}
      - {name: host, match: {host: {prefix: other}}, to: v3}
      - {name: query, match: {query: {page: "1"}}, to: v3}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v3, weight: 10}]}
`, yaml(list)))
	if err != nil {
		t.Fatal(err)
	}
	others := &file.Services[0].Routes[3] // whole elements of a path, and what must not be
	others.Match[0].Pattern.Op = rules.PathPrefix
	for _, name := range []string{"x", "y"} {
		c, err := rules.ReadCondition("header", name, "exact", "1", true, name == "x")
		if err != nil {
			t.Fatal(err)
		}
		others.Match = append(others.Match, c)
	}
	control := serve(t, tableOf(t, file), "", nil)
	client := dial(t, control.address, "reviews", "")
	meets(t, client, list, 0.9, 0, 0.1)
	if got := call(t, client, list, 50, "y", "1"); !slices.Equal(got, []float64{0, 0, 1}) {
		t.Errorf("y without x: %v", got)
	}
	if got := call(t, client, list, 50, "y", "1", "x", "2"); !slices.Equal(got, []float64{0, 0, 1}) {
		t.Errorf("y with another x: %v", got)
	}
	if got := call(t, client, list, 400, "y", "1", "x", "1"); !within(got, []float64{0.9, 0, 0.1}, 400) {
		t.Errorf("y with x: %v", got)
	}
	if got := call(t, client, list, 100, "end-user", "jason"); !slices.Equal(got, []float64{0, 1, 0}) {
		t.Errorf("jason: %v", got)
	}
	if got := call(t, client, list, 100, "tester", "abc"); !slices.Equal(got, []float64{0, 0, 1}) {
		t.Errorf("a tester: %v", got)
	}
	if got := call(t, client, list, 400, "tester", "abcd"); !within(got, []float64{0.9, 0, 0.1}, 400) {
		t.Errorf("no tester: %v", got)
	}
	if got := count(t, control.reg, "fairway_proxy_fail_open_total", "refused"); got != 0 {
		t.Errorf("the client refused %v answers", got)
	}
}

// TestClientIsTold what it can be, by who it is, and refuses what it cannot be told.
func TestClientIsTold(t *testing.T) {
	list := endpoints(t, 3)
	table := newTable(t, fmt.Sprintf(`
services:
  - name: reviews
    endpoints: %s
    routes:
      - {name: hidden, match: {headers: {user-agent: secret, canary: "yes"}}, to: v3}
      - {name: near, match: {source: {zone: b, labels: {app: page}}}, to: v2}
      - {name: all, to: v1}
`, yaml(list)))
	control := serve(t, table, "", nil)
	near := dial(t, control.address, "reviews", `{"id": "n", "locality": {"zone": "b"}, "metadata": {"app": "page"}}`)
	far := dial(t, control.address, "reviews", `{"id": "f", "locality": {"zone": "a"}, "metadata": {"app": "page"}}`)
	if got := call(t, near, list, 50); !slices.Equal(got, []float64{0, 1, 0}) {
		t.Errorf("from zone b: %v", got)
	}
	if got := call(t, far, list, 50); !slices.Equal(got, []float64{1, 0, 0}) {
		t.Errorf("from zone a: %v", got)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "canary", "yes")
	if _, err := far.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("what may be meant by a rule that cannot be told: %v", err)
	}
}

// TestSessions stay at their endpoint by ring hash, which the weights size.
func TestSessions(t *testing.T) {
	list := endpoints(t, 3)
	file, err := rules.Parse("test.yaml", fmt.Appendf(nil, "services: [{name: reviews, endpoints: %s}]", yaml(list)))
	if err != nil {
		t.Fatal(err)
	}
	file.Services[0].Balance = rules.Balance{Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "c"}, {Of: rules.HashHeader, Name: "user"}}}
	file.Services[0].Circuit = rules.Circuit{Requests: 100}
	table := tableOf(t, file)
	publish(table, "reviews", 0.5, 0.5, 0)
	client := dial(t, serve(t, table, "", nil).address, "reviews", "")
	seen := [3]int{}
	for user := range 40 {
		got := call(t, client, list, 16, "user", fmt.Sprint(user))
		at := slices.Index(got, 1)
		if at < 0 {
			t.Fatalf("user %d is spread: %v", user, got)
		}
		seen[at]++
	}
	if seen[0] < 5 || seen[1] < 5 || seen[2] > 0 {
		t.Errorf("users by endpoint: %v", seen)
	}
}

// TestRulesChangeUnderLoad: routes, and with them the names of clusters, change while
// calls are made that wait for nothing, and none of them fails.
func TestRulesChangeUnderLoad(t *testing.T) {
	list := endpoints(t, 2)
	set := func(route string) *rules.Set {
		return newTable(t, fmt.Sprintf("services: [{name: reviews, endpoints: %s, routes: [{name: %s, match: {headers: {a: b}}, to: v1}, {name: all-%s, to: v2}]}]", yaml(list), route, route)).Rules()
	}
	table := newTable(t, fmt.Sprintf("services: [{name: reviews, endpoints: %s}]", yaml(list)))
	// A lead that a busy machine keeps to, as the daemon has it.
	control := serve(t, table, "", func(c *adapter.Config) { c.Lead = adapter.DefaultConfig().Lead })
	client := dial(t, control.address, "reviews", "")
	call(t, client, list, 8)
	done := make(chan struct{})
	var calling sync.WaitGroup
	for range 4 {
		calling.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 5 {
		table.SetRules(set(fmt.Sprint("r", i)))
		eventually(t, "the new rules are followed", func() bool {
			got := call(t, client, list, 16, "a", "b")
			return got[0] == 1
		})
	}
	close(done)
	calling.Wait()
}
