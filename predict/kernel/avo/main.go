// Program avo writes the vector kernels (AVX2, FMA) of predict/kernel with
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
	vector = 8 * lane // a register
	line   = 2 * vector
)

// tile is how many rows the products compute at a time: their 12 sums, the two
// registers of weights and two of inputs are all the registers there are.
const tile = 6

func main() {
	ConstraintExpr("amd64")
	gemm()
	rows()
	row()
	Generate()
}
