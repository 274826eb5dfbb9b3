//go:build !race

package sim

// slowdown divides the number of requests of long tests.
const slowdown = 1
