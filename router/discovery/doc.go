// Package discovery finds services and their endpoints by itself. A Source watches
// one place that knows them, such as Kubernetes or DNS; a Directory puts together
// what all sources say, calls whoever wants to hear of changes, and holds a Snapshot
// that anybody reads without a lock.
//
// What was found is not what metrics, rules and callers call it: a service and an
// endpoint carry every name that is known of them, and Snapshot finds by any that is
// not two things at once.
package discovery
