// Package xds serves a routing table to gRPC clients and to Envoy by their own
// protocol: aggregated discovery (ADS), in its state-of-the-world and its delta form,
// and load reports (LRS).
//
// What is served of a service, "reviews" for instance:
//
//	listener, routes   reviews            the rules in their order; the listener is for gRPC, which asks for xds:///reviews
//	cluster, endpoints reviews|jason      of each route, by its name, and of no match: "reviews|"
//	cluster, endpoints reviews            of a request that says nothing of itself, for an Envoy that knows no rules
//
// A route's weights are over endpoints, so each route has a cluster of its own. A
// gRPC client gets every endpoint in a locality of its own with the weight on the
// locality, because its wrr_locality > round_robin ignores the weights of endpoints;
// the locality's sub-zone is the endpoint's name. Envoy gets the weights on the
// endpoints, which it honours, and localities by zone.
//
// Who asks decides what a rule looks like: rules on the labels and the zone of the
// source are settled by the metadata and the locality of the client's node, those
// on the host by virtual hosts, and for gRPC those on the method and the query, which
// are POST and nothing. What is left and cannot be said to a client, such as a
// query parameter that must not be there to an Envoy, is never routed wrongly: the
// requests that may be meant are refused by the client in the rule's place, and the log
// names the rule.
//
// It fails open: what a client has is not taken from it. A service that leaves the
// table stays as it was, one without endpoints is not told of, and when the daemon is
// gone its clients go on with the weights that they have.
package xds
