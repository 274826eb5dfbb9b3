//go:build race

package rules

// raceEnabled says that the race detector makes everything slow.
const raceEnabled = true
