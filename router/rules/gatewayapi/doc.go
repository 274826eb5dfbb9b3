// Package gatewayapi translates HTTPRoute and GRPCRoute of Kubernetes' Gateway API
// into rules (docs/gatewayapi.md has every field). A route with a parent of kind
// Service (GAMMA) rules the requests to that service; one with a parent of kind
// Gateway those to the services that its hostnames name.
//
// The Gateway API does not take the first match: the most specific one wins. So the
// matches of all routes of a service are sorted, and the first wins then.
package gatewayapi
