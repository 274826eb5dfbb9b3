// Package meshconfig writes what a service mesh needs for the services of a
// namespace: strict mutual TLS, a traffic policy for each service, telemetry, and
// alerts. It makes manifests of Istio and of the Prometheus operator, by these
// projects' own Go types, and compares them with manifests that are there. It applies
// nothing.
//
// The text of a manifest depends on its Config and service only, not on where the
// service was found nor when.
package meshconfig
