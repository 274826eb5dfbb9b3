// Package client asks a fairway daemon for decisions, or picks endpoints
// locally from the weights that the daemon sends as they change.
//
// A local pick never waits and never fails for want of the daemon: the last
// weights are used until their time to live has passed, then all endpoints of
// a subset alike, and the Choice says which of the two it was.
package client
