// Package load makes rules of files of all kinds: fairway's own, Istio's and those
// of the Gateway API, mixed, in directories too.
//
// All files together are one text, which is what databases, the daemon's state and
// its loop keep: of a single file its own text, of several a bundle. Read makes
// it and Parse reads it, so that what a daemon serves is what was checked, and what
// was stored before bundles came loads as it did.
//
// One service may be told of in several places, each telling of other things:
// endpoints and objective in fairway's file, routes in a VirtualService. Two that
// tell of the same thing are an error that names both.
package load
