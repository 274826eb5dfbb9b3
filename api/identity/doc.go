// Package identity says who a process is and whom it believes: certificates
// for mutual TLS, and their renewal without a restart or a dropped connection.
//
// They come from one of three origins: an authority of fairway's own in a
// state directory, which needs no configuration; the operator's files; or the
// Workload API of SPIRE. Names are SPIFFE IDs
// (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md):
// spiffe://<trust domain>/<path>. A Source holds what is in force, and makes
// TLS configurations and gRPC credentials that ask it at each handshake.
// Connections that are open stay open when certificates change.
package identity
