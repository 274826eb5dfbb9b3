// Package http serves the Router over HTTP, in JSON with the names of the
// proto, to proxies that speak no gRPC: docs/http.md. It translates, and calls
// the same api.Server by the same metrics and the same guard as gRPC does.
package http
