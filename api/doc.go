// Package api serves routing decisions over gRPC (fairway/v1/router.proto).
// The server only translates: what it says stands in the router's table, and
// it neither decides anything itself nor keeps anything between two calls but,
// for some seconds, what proxies have in flight.
package api
