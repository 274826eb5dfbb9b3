// Package dns finds the endpoints of services by DNS: addresses (A and AAAA) with a
// port that is given, and SRV records, which say it. A question is asked again when
// its answer's time to live is over.
//
// Of SRV records those of the lowest priority are endpoints and the others, which are
// for when none of them answers, are left out; their weights are not used, since
// weights are what fairway decides. A target "." says that there is no such service,
// and a port of 0 that nobody can connect.
//
// A name that does not exist any more (twice, for a server that has just started may
// say so of everything) or has no such record is gone. Where no server answers, or it
// says that it failed, what was found before stays, and is stale.
//
// Prometheus' own package discovery/dns is not used: it asks at a fixed interval
// whatever the time to live, does not end a question with its context, tells failures
// to its log alone, takes the lowest priority for one like the others, and does not
// look up what SRV targets are. Beneath it is github.com/miekg/dns, and so here;
// package net does not give times to live.
package dns
