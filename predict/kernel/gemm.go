package kernel

import (
	"fmt"
	"sync"
)

// The blocks of a matrix product. A panel of innerBlock lines is 16 KiB and
// stays in the first cache while rowBlock rows pass by, which stay in the
// second while columnBlock columns do. rowBlock is a multiple of the six rows
// that are computed at a time.
const (
	innerBlock  = 256
	columnBlock = 8 * width
	rowBlock    = 192
)

// gemmScratch is what a product needs beside its operands: b in panels, and
// the columns of c that do not fill a panel.
type gemmScratch struct {
	b [columnBlock * innerBlock]float32
	c [rowBlock * width]float32
}

var gemmScratches = sync.Pool{New: func() any { return new(gemmScratch) }}

// Gemm computes c = alpha·op(a)·op(b) + beta·c, as the BLAS routine SGEMM does
// with matrices row by row: op(a) is m × k, op(b) k × n and c m × n; op is the
// transpose where transA or transB is set, and row i of a matrix begins at
// i·ld. Where beta is 0, what c held does not matter, not even NaN; where alpha
// or k is 0, a and b are not read. Zeros in a are not skipped: 0 · NaN is NaN.
//
// It runs on the goroutine of the caller, so that its result is the same to the
// bit whatever GOMAXPROCS is, and may be called from several at once with
// different c. A row of c depends on no other row of c or op(a), to the bit: a
// caller may share out the rows. It allocates nothing but scratch memory of 140
// KiB, which is kept for the next call. c must not overlap a or b. It panics
// when the lengths do not fit.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkMatrix("c", m, n, c, ldc, false)
	if m == 0 || n == 0 {
		return
	}
	checkMatrix("a", m, k, a, lda, transA)
	checkMatrix("b", k, n, b, ldb, transB)
	if k == 0 || alpha == 0 {
		for i := range m {
			scale(c[i*ldc:i*ldc+n], beta)
		}
		return
	}
	s := gemmScratches.Get().(*gemmScratch)
	defer gemmScratches.Put(s)
	g := gemm{transB: transB, alpha: alpha, b: b, ldb: ldb, c: c, ldc: ldc, aRow: lda, aInner: 1, scratch: s}
	if transA {
		g.aRow, g.aInner = 1, lda
	}
	for from := 0; from < k; from += innerBlock {
		inner := min(innerBlock, k-from)
		g.a, g.beta = a[from*g.aInner:], 1
		if from == 0 {
			g.beta = beta
		}
		for column := 0; column < n; column += columnBlock {
			g.block(m, column, min(columnBlock, n-column), from, inner)
		}
	}
}

// checkMatrix panics unless values hold a rows × columns matrix, or its
// transpose.
func checkMatrix(name string, rows, columns int, values []float32, ld int, transposed bool) {
	if transposed {
		rows, columns = columns, rows
	}
	switch {
	case rows < 0 || columns < 0:
		panic(fmt.Sprintf("kernel: %s is %d × %d", name, rows, columns))
	case ld < max(1, columns):
		panic(fmt.Sprintf("kernel: the rows of %s are %d apart; they have %d columns", name, ld, columns))
	case rows > 0 && columns > 0 && len(values) < (rows-1)*ld+columns:
		panic(fmt.Sprintf("kernel: %s has %d values; %d × %d with rows %d apart needs %d", name, len(values), rows, columns, ld, (rows-1)*ld+columns))
	}
}

func scale(x []float32, by float32) {
	if by == 0 {
		clear(x)
		return
	}
	for i := range x {
		x[i] *= by
	}
}

// gemm is a product at work on one block of the inner dimension. a begins at
// the block; beta is 1 but for the first block.
type gemm struct {
	transB       bool
	alpha, beta  float32
	a            []float32
	aRow, aInner int // distance of rows of op(a), and of elements of a row
	b            []float32
	ldb          int
	c            []float32
	ldc          int
	scratch      *gemmScratch
}

// block adds to all rows of c, in the given columns, the product over the
// inner dimension from `from` on.
func (g *gemm) block(m, column, columns, from, inner int) {
	for j := 0; j < columns; j += width {
		g.pack(g.panel(j, inner), column+j, min(width, columns-j), from)
	}
	for row := 0; row < m; row += rowBlock {
		rows := min(rowBlock, m-row)
		a := g.a[row*g.aRow:]
		j := 0
		for ; wide && columns-j >= 2*width; j += 2 * width {
			gemmWide(&a[0], g.aRow*4, g.aInner*4, &g.panel(j, inner)[0], inner, &g.c[row*g.ldc+column+j], g.ldc*4, rows, g.alpha, g.beta)
		}
		for ; j < columns; j += width {
			c := g.c[row*g.ldc+column+j:]
			if columns-j >= width {
				gemmPanel(a, g.aRow, g.aInner, g.panel(j, inner), c, g.ldc, rows, g.alpha, g.beta)
				continue
			}
			gemmPanel(a, g.aRow, g.aInner, g.panel(j, inner), g.scratch.c[:], width, rows, g.alpha, 0)
			g.merge(c, rows, columns-j)
		}
	}
}

func (g *gemm) panel(j, inner int) []float32 { return g.scratch.b[j*inner : (j+width)*inner] }

// pack copies columns of op(b) into a panel, as many lines as it has. What the
// panel has beyond the last column stays: it goes into columns that merge drops.
func (g *gemm) pack(panel []float32, column, columns, from int) {
	if g.transB {
		packTransposed(panel, g.b[column*g.ldb+from:], g.ldb, columns)
		return
	}
	for at := from*g.ldb + column; len(panel) > 0; at, panel = at+g.ldb, panel[width:] {
		if columns == width {
			*(*[width]float32)(panel) = *(*[width]float32)(g.b[at:])
			continue
		}
		copy(panel, g.b[at:at+columns])
	}
}

func packTransposed(panel, b []float32, ldb, columns int) {
	inner := len(panel) / width
	for j := range columns {
		for p, v := range b[j*ldb : j*ldb+inner] {
			panel[p*width+j] = v
		}
	}
}

// merge adds the columns of the scratch memory to c.
func (g *gemm) merge(c []float32, rows, columns int) {
	for r := range rows {
		from, to := g.scratch.c[r*width:r*width+columns], c[r*g.ldc:r*g.ldc+columns]
		if g.beta == 0 {
			copy(to, from)
			continue
		}
		for j, v := range from {
			to[j] = v + g.beta*to[j]
		}
	}
}

// gemmPanel computes c = alpha·a·b + beta·c for rows of one panel b.
func gemmPanel(a []float32, aRow, aInner int, b, c []float32, cRow, rows int, alpha, beta float32) {
	if vector {
		gemmVector(&a[0], aRow*4, aInner*4, &b[0], len(b)/width, &c[0], cRow*4, rows, alpha, beta)
		return
	}
	for r := range rows {
		for half := 0; half < width; half += 8 {
			y := sums(a[r*aRow:], aInner, b[half:])
			to := (*[8]float32)(c[r*cRow+half:])
			for j, v := range y {
				if beta == 0 {
					to[j] = alpha * v
				} else {
					to[j] = alpha*v + beta*to[j]
				}
			}
		}
	}
}

// sums returns the products of a row with eight columns of a panel, which may
// begin in its middle. The sums are eight variables, not an array, since the
// compiler keeps no array in registers.
func sums(a []float32, aInner int, b []float32) [8]float32 {
	var y0, y1, y2, y3, y4, y5, y6, y7 float32
	for at := 0; len(b) >= 8; at += aInner {
		x, w := a[at], (*[8]float32)(b)
		y0 += w[0] * x
		y1 += w[1] * x
		y2 += w[2] * x
		y3 += w[3] * x
		y4 += w[4] * x
		y5 += w[5] * x
		y6 += w[6] * x
		y7 += w[7] * x
		b = b[min(width, len(b)):]
	}
	return [8]float32{y0, y1, y2, y3, y4, y5, y6, y7}
}
