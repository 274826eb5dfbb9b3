//go:build race

package main

// raced says that the race detector runs, which makes everything some ten times as
// slow: what is many is fewer then.
const raced = true
