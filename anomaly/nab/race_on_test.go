//go:build race

package nab

// raceEnabled says that the race detector makes everything slow.
const raceEnabled = true
