//go:build !amd64

package kernel

// vector is false: there are no vector kernels for this architecture.
var vector = false

func gemmVector(a *float32, aRow, aInner int, b *float32, inner int, c *float32, cRow, rows int, alpha, beta float32) {
	panic("kernel: no vector kernels")
}
