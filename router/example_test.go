package router_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// A history of twelve samples: over 30 s, endpoint a answers 600 requests in
// 20 ms each, b answers 300 in 200 ms and fails 30 of them.
const dump = `requests_total{service="checkout",endpoint="a"} 0 1000
requests_total{service="checkout",endpoint="a"} 600 1030
requests_total{service="checkout",endpoint="b"} 0 1000
requests_total{service="checkout",endpoint="b"} 300 1030
failures_total{service="checkout",endpoint="a"} 0 1000
failures_total{service="checkout",endpoint="a"} 0 1030
failures_total{service="checkout",endpoint="b"} 0 1000
failures_total{service="checkout",endpoint="b"} 30 1030
seconds_total{service="checkout",endpoint="a"} 0 1000
seconds_total{service="checkout",endpoint="a"} 12 1030
seconds_total{service="checkout",endpoint="b"} 0 1000
seconds_total{service="checkout",endpoint="b"} 60 1030
# EOF
`

const schema = `
name: example
labels: {service: service, endpoint: endpoint}
step: 10s
range: 40s
series:
  - {name: request_rate, query: 'sum by (service, endpoint) (rate(requests_total[$range]))'}
  - {name: error_ratio, query: 'sum by (service, endpoint) (rate(failures_total[$range])) / sum by (service, endpoint) (rate(requests_total[$range]))'}
  - {name: latency_mean_seconds, query: 'sum by (service, endpoint) (rate(seconds_total[$range])) / sum by (service, endpoint) (rate(requests_total[$range]))'}
`

const ruleFile = `
version: 1.0.0
services:
  - name: checkout
    endpoints:
      - {name: a, address: "127.0.0.1:9001", subset: v1}
      - {name: b, address: "127.0.0.1:9002", subset: v2}
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: rest, to: [{subset: v1, weight: auto}, {subset: v2, weight: auto}], timeout: 3s}
`

// Example is the whole walk of one data point: dump, window, frame, decision,
// table, answer.
func Example() {
	if err := walk(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// a  0.52
	// b  0.48
	// RULES performance_aware, because: no_model
	// anna  → a at 127.0.0.1:9001, route rest, timeout 3s, with probability 0.52
	// jason → b at 127.0.0.1:9002, route jason, timeout 30s, with probability 1.00
}

func walk() error {
	folder, err := os.MkdirTemp("", "fairway")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "metrics.om")
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		return err
	}
	ctx := context.Background()
	history, err := prom.Open(ctx, path)
	if err != nil {
		return err
	}
	defer history.Close()
	asked, err := prom.ParseSchema("example.yaml", []byte(schema))
	if err != nil {
		return err
	}
	file, err := rules.Parse("rules.yaml", []byte(ruleFile))
	if err != nil {
		return err
	}
	set, err := rules.Compile(file)
	if err != nil {
		return err
	}
	cfg := router.DefaultConfig()
	policy := router.Fallback(router.Learned(nil, nil, cfg), router.PerformanceAware()) // no model yet
	table := router.NewTable(set, cfg)

	extractor := features.New(features.DefaultConfig())
	at := time.Unix(1030, 0)
	timing := mesh.Timing{Step: asked.Step, Range: asked.Range, Horizon: 30 * time.Second}
	for window, err := range prom.Windows(ctx, history, asked, prom.Query{Start: at, End: at, Timing: timing}) {
		if err != nil {
			return err
		}
		frame, err := extractor.Push(window)
		if err != nil {
			return err
		}
		var d router.Decision
		if err := policy.Decide(&d, frame); err != nil {
			return err
		}
		table.Publish(&d, frame)
		for i, e := range d.Endpoints {
			fmt.Printf("%s  %.2f\n", e.Name, d.Weights[i])
		}
		fmt.Printf("%v %s, because: %v\n", d.Source, d.Policy, d.Reason)
	}

	routes := table.Load("checkout")
	for _, user := range []string{"anna", "jason"} {
		request := mesh.Request{Service: "checkout", Path: "/", Headers: map[string]string{"end-user": user}}
		answer := routes.Decide(&request, 0) // 0 stands for 64 random bits
		e := answer.Endpoints[answer.Endpoint]
		fmt.Printf("%-5s → %s at %s, route %s, timeout %v, with probability %.2f\n", user, e.Name, e.Address, answer.Route, answer.Timeout, answer.Propensity)
	}
	return nil
}
