// Package cache keeps what was found, and what was decided of it, beyond the life of
// the process and of the places that it came from: in memory, on the local disk, and in
// Redis where other daemons find it too. What is found in a lower layer is filled into
// those above. An entry is refreshed before its time to live is over; when its source is
// down it is served on, marked stale, for as long as there is none newer.
//
// A layer that is dead, slow or full costs a metric: whoever asks waits a moment at
// most, and then no more until a circuit lets one try again. All writing is done by Run.
package cache
