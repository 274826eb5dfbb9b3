// Package rules reads the rules file and finds the route of a request.
//
// A rule binds whether or not a model answers. The file is YAML; every field
// but the names is optional, an unknown field is an error with its line.
// docs/rules.md has all fields with their defaults; in short:
//
//	version: 1.2.3                  # default: a hash of the text
//	classes:                        # kinds of requests; the first that matches
//	  - name: search
//	    match: {path: {prefix: /search}}
//	services:
//	  - name: reviews
//	    objective: {deadline: 1s, percentile: 0.99, error_cost: 1, max_error_ratio: 0.05, max_latency: 800ms}
//	    limits: {step: 0.1, floor: 0.02, max_ejection: 0.1}
//	    health:                     # how endpoints with an address are checked; without checks they are not
//	      checks: [{tcp: {}}, {http: {path: /healthz, port: 8081}}, {grpc: {service: reviews}}]
//	      interval: 5s
//	      timeout: 1s               # of a round; no longer than the interval
//	      minimum_healthy: 0.5      # the part of the checks that must pass
//	      rise: 2                   # rounds in a row until an endpoint is healthy again
//	      fall: 3                   # and until it is unhealthy
//	    locality: {zone: a, remote: 5ms, zones: {c: 20ms}}   # what a request costs more outside of the proxies' zone
//	    balance: {algorithm: maglev, hash: [{cookie: session}]}  # by who sends, within the weights
//	    circuit: {requests: 200}    # what a proxy may have open at once
//	    outlier: {consecutive: 5}   # when an endpoint is ejected for its failures
//	    endpoints:                  # where nothing discovers them, or to add what the metrics lack
//	      - {name: reviews-1, address: "127.0.0.1:9001", subset: v1, zone: a, weight: 2}
//	      - {name: reviews-2, address: "127.0.0.1:9002", subset: v2, zone: b}
//	    routes:                     # the first that matches, with its criteria met, wins
//	      - name: jason
//	        match:
//	          headers: {end-user: jason}          # a plain value is {exact: …}
//	          path: {prefix: /reviews}            # or exact, path_prefix, or regex (RE2, the whole value)
//	          query: {debug: {present: true}}     # present: false asks for its absence
//	          method: GET
//	          host: {not: {exact: test.example.com, ignore_case: true}}
//	          source: {labels: {app: web}, zone: a}
//	        criteria: {p99: <200ms, error_ratio: <0.05, request_rate: ">1000"}
//	        to: v2                                # short for [{subset: v2, weight: 100}]
//	        timeout: 1s                           # default 30s
//	        priority: 10
//	        retries: 2
//	      - name: canary
//	        to:
//	          - {subset: v1, weight: 90}          # percent; they sum to 100
//	          - {subset: v2, weight: 5}
//	          - {service: reviews-next, weight: 5}
//
// Weights of a route are either all numbers, which hold whatever the policy
// wants, or all `auto`, which leaves the split to the policy. Without `to:` a
// route goes to all endpoints with the split left to the policy. Conditions of
// a match must all hold, and a route that an earlier one leaves no request for is
// an error (see Unreachable). Prefixes compare strings, so /api is a prefix of
// /apis too. Header names are compared in lower case, all values as they are.
//
// Criteria are mean, p50, p90, p99 (durations), error_ratio, utilization
// (means over the endpoints of the route's subsets, weighted by requests),
// request_rate and in_flight (sums). A criterion whose metric is unknown is
// not met. They are evaluated once per window, not per request. Routes are looked
// up in an index that Compile makes, so that many cost little more than few.
//
// A locality adds to what the policies that weigh by cost (fairway, learned,
// queueing) take a request to cost: the proxies' own zone nothing, a zone of
// `zones` what stands there, any other zone `remote`. It is money, or a hop that
// the metrics do not see, as time; latency that they see is counted already.
// Traffic stays in the zone until its endpoints' next request costs as much
// more there. The cost is one, whatever zone a request comes from: where proxies are
// in several zones, write what differs on average.
//
// A spill, as in locality: {spill: {at: 0.8, order: {a: [b, c]}, split: {c: {c: 80,
// b: 20}}}}, gives requests from each zone weights of their own: they stay in their
// zone while its endpoints are used by less than `at` (0.8) of what they can do, and the
// rest flows on to the next zones of `order`, then to any with room. `split` fixes the
// parts in percent instead.
//
// A service whose routes do not match a request sends it to the route
// `default`: equal weights over all its endpoints, priority 0, timeout 30 s. A
// service without routes, or no file at all, has one route to all endpoints,
// weights left to the policy, timeout 30 s.
package rules
