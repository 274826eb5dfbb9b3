package lab

import (
	"fmt"
	"strings"
)

// haproxyConfig is the configuration of a proxy that forwards every request to
// the endpoint that its header names: no checks (a server without them counts
// as up, so use-server always obeys), no retries, no second choice. listen
// has an address per service; metrics is where Prometheus reads.
func haproxyConfig(services []Service, listen map[string]string, metrics string) string {
	var b strings.Builder
	b.WriteString(`global
  nbthread 1
  maxconn 8000

defaults
  mode http
  retries 0
  no option redispatch
  timeout connect 5s
  timeout client 10m
  timeout server 60s
  timeout queue 60s
  timeout http-keep-alive 10m

`)
	fmt.Fprintf(&b, "frontend metrics\n  bind %s\n  http-request use-service prometheus-exporter if { path /metrics }\n\n", metrics)
	for _, s := range services {
		fmt.Fprintf(&b, "frontend %s-in\n  bind %s\n  maxconn 7000\n  default_backend %s\n\n", s.Name, listen[s.Name], s.Name)
		fmt.Fprintf(&b, "backend %s\n  use-server %%[req.hdr(%s)] if { req.hdr(%s) -m found }\n", s.Name, askedHeader, askedHeader)
		for _, e := range s.Endpoints {
			fmt.Fprintf(&b, "  server %s %s\n", e.Name, e.Address)
		}
		b.WriteString("\n")
	}
	return b.String()
}
