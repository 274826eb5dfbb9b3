// Package prometheus finds services by what a Prometheus server scrapes
// (/api/v1/targets). It knows what Prometheus' own discovery found, without access to
// where it found it, and calls endpoints as the metrics do.
//
// A scrape is mostly not where requests go: of a target this source knows its names,
// and its address only where labels say that it serves: a port of Kubernetes with a
// name such as http or grpc-web, or the port that Consul knows the service by. There a
// target that is down is not ready; elsewhere a failed scrape says nothing about
// requests. What Kubernetes and Consul said of readiness counts everywhere.
//
// Package target has the labels. What is found lags behind by Prometheus' own
// discovery and by how often it is asked.
package prometheus
