package xds_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestClientFollowsWeights is a stock gRPC client whose requests go where the table
// says, while the weights change, while nobody decides, and after that.
func TestClientFollowsWeights(t *testing.T) {
	list := endpoints(t, 3)
	table := newTable(t, fmt.Sprintf("services: [{name: reviews, endpoints: %s}]", yaml(list)))
	publish(table, "reviews", 0.7, 0.2, 0.1)
	control := serve(t, table, "", nil)
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
	table := newTable(t, fmt.Sprintf(`
services:
  - name: reviews
    endpoints: %s
    routes:
      - {name: elsewhere, match: {method: GET}, to: v1}
      - {name: jason, match: {headers: {end-user: {prefix: jas}}}, to: v2, timeout: 5s}
      - {name: tester, match: {path: {prefix: /grpc.health.}, headers: {tester: {regex: "[a-c]+"}}}, to: v3}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v3, weight: 10}]}
`, yaml(list)))
	control := serve(t, table, "", nil)
	client := dial(t, control.address, "reviews", "")
	meets(t, client, list, 0.9, 0, 0.1)
	if got := call(t, client, list, 100, "end-user", "jason"); !slices.Equal(got, []float64{0, 1, 0}) {
		t.Errorf("jason: %v", got)
	}
	if got := call(t, client, list, 100, "tester", "abc"); !slices.Equal(got, []float64{0, 0, 1}) {
		t.Errorf("a tester: %v", got)
	}
	if got := call(t, client, list, 400, "tester", "abcd"); !within(got, []float64{0.9, 0, 0.1}, 400) {
		t.Errorf("no tester: %v", got)
	}
}
