// Program avo writes the vector kernels (AVX2 and FMA, some for AVX-512 too) of predict/kernel with
// github.com/mmcloughlin/avo. It is a module of its own so that nobody who
// builds fairway needs avo. To make the kernels anew, in predict/kernel:
//
//	go generate
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

// A panel holds, for each input, the weights of 16 outputs: two registers, and
// one line of the cache. Sizes are in bytes.
const (
	lane   = 4        // a float32
	vector = 8 * lane // a register of AVX2
	line   = 2 * vector
)

func main() {
	ConstraintExpr("amd64")
	gemm("gemmVector", false)
	gemm("gemmWide", true)
	rows("rowsVector", false)
	rows("rowsWide", true)
	row()
	Generate()
}
