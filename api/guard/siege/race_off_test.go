//go:build !race

package siege

// raced tells whether the race detector looks on, which takes five times as long.
const raced = false
