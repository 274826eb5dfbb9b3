// Package extproc decides requests for Envoy by its external processor (ext_proc):
// the rules choose the route of each request, and the table draws its endpoint, as
// Decide does.
//
// Envoy sends the headers of a request and waits; the answer adds headers
//
//	x-fairway-endpoint, x-fairway-subset, x-fairway-route   what was decided
//	x-envoy-upstream-rq-timeout-ms                          the route's timeout
//	x-envoy-max-retries, x-envoy-retry-on                   where the route has retries
//	x-envoy-upstream-rq-per-try-timeout-ms                  where each try has a timeout
//	x-envoy-original-dst-host                               the endpoint's address, only where it is asked for
//
// and the dynamic metadata envoy.lb {endpoint, subset}, by which Envoy's subset load
// balancing takes the endpoint, or another of its subset when it is not there. The
// headers of the response tell how long it took and how it ended; that is reported as
// proxies report outcomes, with what Envoys have in flight.
//
// Which service a request asks for is said by the configuration of Envoy, the first of
//
//	metadata    fairway {service: …}, forwarded by metadata_options
//	the stream  fairway-service, in initial_metadata of the grpc_service
//	attributes  xds.cluster_name, in request_attributes
//
// else by the host of the request: the service's name, name.namespace or
// name.namespace.svc.cluster.local. A header of the request does not say it: anybody
// can send one. The address in x-envoy-original-dst-host is for clusters of type
// ORIGINAL_DST and asked for by fairway-original-dst: true in initial_metadata.
//
// It fails open: a request to a service that is not known, or that is malformed, goes
// on unchanged, but without the headers above that it may have brought along; when the
// daemon is gone, failure_mode_allow lets all go on.
package extproc
