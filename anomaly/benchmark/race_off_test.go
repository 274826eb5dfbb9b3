//go:build !race

package benchmark

const underRace = false
