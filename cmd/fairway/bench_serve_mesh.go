package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// servedMesh is a mesh that is made up, for measuring what serves it.
type servedMesh struct {
	services, endpoints int
	random              *rand.Rand
}

func newServedMesh(services, endpoints int, seed uint64) *servedMesh {
	return &servedMesh{services, endpoints, rand.New(rand.NewPCG(seed, 1))}
}

func serviceName(i int) string { return fmt.Sprintf("service-%03d", i) }

func (m *servedMesh) endpoint(service, i int) mesh.Endpoint {
	return mesh.Endpoint{
		Name:    fmt.Sprintf("%s-%02d", serviceName(service), i),
		Address: fmt.Sprintf("10.%d.%d.%d:8080", service/256, service%256, i+1),
		Subset:  [...]string{"v1", "v2"}[i%2], Zone: [...]string{"eu-1a", "eu-1b", "eu-1c"}[i%3],
	}
}

// rules has three routes of each service that match headers, one the path, and one
// the rest, whose split is left to the model.
func (m *servedMesh) rules() (*rules.Set, error) {
	var text strings.Builder
	text.WriteString("version: 1.0.0\nservices:\n")
	for s := range m.services {
		fmt.Fprintf(&text, "  - name: %s\n    endpoints:\n", serviceName(s))
		for i := range m.endpoints {
			e := m.endpoint(s, i)
			fmt.Fprintf(&text, "      - {name: %s, address: %q, subset: %s, zone: %s}\n", e.Name, e.Address, e.Subset, e.Zone)
		}
		text.WriteString(`    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2, timeout: 500ms, priority: 10}
      - {name: canary, match: {headers: {x-canary: {prefix: always}}}, to: v2, retries: 1}
      - {name: mobile, match: {headers: {user-agent: {prefix: Mobile/}, x-client: {present: true}}}, to: v1}
      - {name: admin, match: {path: {prefix: /admin/}, method: POST}, to: v1, timeout: 10s}
      - {name: rest, to: [{subset: v1, weight: auto}, {subset: v2, weight: auto}], retries: 2}
`)
	}
	file, err := rules.Parse("bench.yaml", []byte(text.String()))
	if err != nil {
		return nil, err
	}
	return rules.Compile(file)
}

// windows are what every service did in the span before now.
func (m *servedMesh) windows(schema *mesh.Schema, timing mesh.Timing, now time.Time) []mesh.Window {
	all := make([]mesh.Window, m.services)
	for s := range all {
		w := mesh.Window{Service: serviceName(s), Time: now, End: now.Add(-timing.Delay), Schema: schema}
		w.Start = w.End.Add(-timing.Range)
		for i := range m.endpoints {
			w.Endpoints = append(w.Endpoints, m.endpoint(s, i))
			slow, rate := 1+0.5*m.random.Float64()+float64(i%4)/4, 40+20*m.random.Float64()
			for _, series := range schema.Series {
				w.Values = append(w.Values, seriesValue(series.Name, slow, rate))
			}
			w.Requests = append(w.Requests, rate*timing.Range.Seconds())
		}
		all[s] = w
	}
	return all
}

// seriesValue is that of an endpoint that takes slow times 10 ms.
func seriesValue(name string, slow, rate float64) float64 {
	switch name {
	case "request_rate":
		return rate
	case "latency_mean_seconds":
		return 0.010 * slow
	case "latency_p50_seconds":
		return 0.008 * slow
	case "latency_p90_seconds":
		return 0.020 * slow
	case "latency_p99_seconds":
		return 0.045 * slow
	case "in_flight":
		return 0.010 * slow * rate
	case "utilization":
		return 0.0025 * slow * rate
	case "cpu_cores":
		return 0.005 * slow * rate
	case "memory_bytes":
		return 200e6 * slow
	case "up":
		return 1
	case "age_seconds":
		return 0.01
	}
	return 0
}

// requests are such as proxies ask about, of services at random: a tenth match a
// rule by its header, most none.
func (m *servedMesh) requests(n int) []*fairwayv1.DecideRequest {
	list := make([]*fairwayv1.DecideRequest, n)
	for i := range list {
		in := &fairwayv1.DecideRequest{
			Service: serviceName(m.random.IntN(m.services)), Method: "GET", Path: fmt.Sprintf("/api/v1/products/%06d", m.random.IntN(1e6)),
			Host: "shop.example.com",
			Headers: map[string]string{
				"user-agent": "Mozilla/5.0 (X11; Linux x86_64)", "accept": "application/json",
				"x-request-id": fmt.Sprintf("%016x%016x", m.random.Uint64(), m.random.Uint64()), "end-user": "someone",
			},
			Source: &fairwayv1.DecideRequest_Source{Zone: "eu-1a"},
		}
		switch m.random.IntN(20) {
		case 0:
			in.Headers["end-user"] = "jason"
		case 1:
			in.Headers["x-canary"] = "always"
		}
		list[i] = in
	}
	return list
}
