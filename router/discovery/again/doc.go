// Package again is what sources share that learn everything anew each time: what
// has changed since the last time, and how long to wait after a failure.
package again
