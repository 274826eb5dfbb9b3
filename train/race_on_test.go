//go:build race

package train

// underRace says that the race detector slows everything down ten times: what
// only compares figures, on code whose races other tests look for, need not run.
const underRace = true
