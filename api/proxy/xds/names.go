package xds

import "strings"

// Kind is what a client understands.
type kind uint8

const (
	envoy kind = iota
	grpcClient
)

// bar stands between a service and a route in the name of a cluster. Names of
// services have none, in Kubernetes and in metrics.
const bar = "|"

// clusterName is that of a route; rule false is no match.
func clusterName(service, route string, rule bool) string {
	if !rule {
		return service + bar
	}
	return service + bar + route
}

// serviceOf is the service that a resource is of.
func serviceOf(name string) string {
	service, _, _ := strings.Cut(name, bar)
	return service
}
