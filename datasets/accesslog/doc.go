// Package accesslog reads the access logs of real proxies as requests: HAProxy,
// Envoy and Istio, nginx, Traefik, and CSV with the columns of a recording's
// request log; and makes a recording of them. docs/access-logs.md says for each
// what to switch on, what is read, and what it cannot tell.
//
// A line is good, or says nothing of an endpoint (the proxy answered itself, or
// found nobody to ask), or is bad. Bad lines are counted and the first of them
// kept with file, line and reason; a log of which more than half is bad is
// refused. A line may hold several attempts, each of them a request to its
// endpoint; an attempt without an answer failed.
//
// Proxies log a request when it has ended. Requests are put in the order of
// their arrival, within a window that is bounded in time and in number, so that
// memory does not grow with the log. Nothing here is safe for concurrent use.
package accesslog
