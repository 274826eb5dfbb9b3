//go:build race

package benchmark

// underRace says that the race detector slows everything down ten times. What is
// walked here knows one goroutine.
const underRace = true
