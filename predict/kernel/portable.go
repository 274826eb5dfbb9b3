//go:build !amd64

package kernel

// vector and wide are false: there are no vector kernels for this architecture.
var vector, wide = false, false

func gemmVector(a *float32, aRow, aInner int, b *float32, inner int, c *float32, cRow, rows int, alpha, beta float32) {
	panic("kernel: no vector kernels")
}

func rowsVector(a *float32, aRow int, b *float32, inner int, c *float32, cRow, rows int, bias *float32, floor float32) {
	panic("kernel: no vector kernels")
}

func rowVector(x *float32, inner int, w *float32, panels int, bias, y *float32, floor float32, active *int32, values *float32) {
	panic("kernel: no vector kernels")
}

func gemmWide(a *float32, aRow, aInner int, b *float32, inner int, c *float32, cRow, rows int, alpha, beta float32) {
	panic("kernel: no vector kernels")
}

func rowsWide(a *float32, aRow int, b *float32, inner int, c *float32, cRow, rows int, bias *float32, floor float32) {
	panic("kernel: no vector kernels")
}
