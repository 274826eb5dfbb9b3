package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// product is the loop that the matrix product and the layer for several rows
// share: tiles of rows against one panel.
type product struct {
	name          string // the prefix of labels
	a, aRow       reg.GPVirtual
	aInner        Op // what goes from one input of a row to the next
	b, inner      reg.GPVirtual
	c, cRow, rows reg.GPVirtual

	// begin sets the sums of a row before the first input, end stores them at
	// c; spare are registers that it may use.
	begin func(sums [2]reg.VecVirtual)
	end   func(sums [2]reg.VecVirtual, spare [2]reg.VecVirtual)
}

// load takes the arguments of the function from where they lie.
func (p *product) load() {
	p.a, p.aRow = argument("a"), argument("aRow")
	p.b, p.inner = argument("b"), argument("inner")
	p.c, p.cRow, p.rows = argument("c"), argument("cRow"), argument("rows")
}

func argument(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// emit writes the loop over the rows. Four rows keep both multipliers busy, and
// fewer do not: 7 rows are done as 4 and 3, 8 as 4 and 4, 9 as 4 and 5.
func (p *product) emit() {
	Label(p.name)
	for rows := 1; rows <= tile; rows++ {
		CMPQ(p.rows, Imm(uint64(rows)))
		JE(LabelRef(p.label(rows)))
	}
	CMPQ(p.rows, Imm(10))
	JL(LabelRef(p.label(4)))
	for rows := tile; rows >= 1; rows-- {
		p.tile(rows)
	}
}

func (p *product) label(rows int) string { return fmt.Sprintf("%s%d", p.name, rows) }

// tile computes some rows and goes back for more.
func (p *product) tile(rows int) {
	Label(p.label(rows))
	var sums [tile][2]reg.VecVirtual
	for r := range rows {
		sums[r] = [2]reg.VecVirtual{YMM(), YMM()}
		p.begin(sums[r])
	}
	// x are the first row and the fourth: every other is one or two rows after
	// one of these, which an address can say.
	x := [2]reg.GPVirtual{GP64(), GP64()}
	MOVQ(p.a, x[0])
	if rows > 3 {
		LEAQ(Mem{Base: p.a, Index: p.aRow, Scale: 2}, x[1])
		ADDQ(p.aRow, x[1])
	}
	w, left := GP64(), GP64()
	MOVQ(p.b, w)
	MOVQ(p.inner, left)
	weights, spare := [2]reg.VecVirtual{YMM(), YMM()}, [2]reg.VecVirtual{YMM(), YMM()}
	loop := p.label(rows) + "inner"
	Label(loop)
	VMOVUPS(Mem{Base: w}, weights[0])
	VMOVUPS(Mem{Base: w, Disp: vector}, weights[1])
	for r := range rows {
		at := Mem{Base: x[r/3]}
		if r%3 > 0 {
			at.Index, at.Scale = p.aRow, uint8(r%3)
		}
		VBROADCASTSS(at, spare[r%2])
		VFMADD231PS(weights[0], spare[r%2], sums[r][0])
		VFMADD231PS(weights[1], spare[r%2], sums[r][1])
	}
	ADDQ(Imm(line), w)
	ADDQ(p.aInner, x[0])
	if rows > 3 {
		ADDQ(p.aInner, x[1])
	}
	DECQ(left)
	JNZ(LabelRef(loop))
	for r := range rows {
		p.end(sums[r], spare)
		ADDQ(p.cRow, p.c)
	}
	// On to the rows after these.
	for range rows {
		ADDQ(p.aRow, p.a)
	}
	SUBQ(Imm(uint64(rows)), p.rows)
	JNZ(LabelRef(p.name))
	VZEROUPPER()
	RET()
}

// gemm is the micro kernel of the matrix product.
func gemm() {
	TEXT("gemmVector", attr.NOSPLIT, "func(a *float32, aRow, aInner int, b *float32, inner int, c *float32, cRow, rows int, alpha, beta float32)")
	Doc("gemmVector computes c = alpha·a·b + beta·c for rows of 16 columns. b is a panel of",
		"so many inner lines; element (i, k) of a lies aRow·i + aInner·k bytes after a;",
		"the rows of c are cRow bytes apart. inner and rows must be above 0. Where beta is",
		"0, c is not read.")
	Pragma("noescape")
	alpha, err := Param("alpha").Resolve()
	must(err)
	beta, err := Param("beta").Resolve()
	must(err)
	kept := 0
	p := product{name: "gemm", aInner: argument("aInner")}
	p.load()
	p.begin = func(sums [2]reg.VecVirtual) {
		VXORPS(sums[0], sums[0], sums[0])
		VXORPS(sums[1], sums[1], sums[1])
	}
	p.end = func(sums, spare [2]reg.VecVirtual) {
		VBROADCASTSS(alpha.Addr, spare[0])
		VMULPS(sums[0], spare[0], sums[0])
		VMULPS(sums[1], spare[0], sums[1])
		bits := GP32()
		MOVL(beta.Addr, bits)
		ADDL(bits, bits) // without its sign
		kept++
		store := fmt.Sprintf("store%d", kept)
		JZ(LabelRef(store))
		VBROADCASTSS(beta.Addr, spare[0])
		VFMADD231PS(Mem{Base: p.c}, spare[0], sums[0])
		VFMADD231PS(Mem{Base: p.c, Disp: vector}, spare[0], sums[1])
		Label(store)
		VMOVUPS(sums[0], Mem{Base: p.c})
		VMOVUPS(sums[1], Mem{Base: p.c, Disp: vector})
	}
	p.emit()
}

// rows is a dense layer for several rows.
func rows() {
	TEXT("rowsVector", attr.NOSPLIT, "func(a *float32, aRow int, b *float32, inner int, c *float32, cRow, rows int, bias *float32, floor float32)")
	Doc("rowsVector computes c = max(a·b + bias, floor) for rows of 16 columns. b is a",
		"panel of so many inner lines; the rows of a and c are aRow and cRow bytes apart.",
		"NaN stays NaN. inner and rows must be above 0. Each sum is added up in the order of",
		"rowVector, so that a row has the same result to the bit.")
	Pragma("noescape")
	floor, err := Param("floor").Resolve()
	must(err)
	p := product{name: "rows", aInner: Imm(lane)}
	p.load()
	bias := argument("bias")
	p.begin = func(sums [2]reg.VecVirtual) {
		VMOVUPS(Mem{Base: bias}, sums[0])
		VMOVUPS(Mem{Base: bias, Disp: vector}, sums[1])
	}
	p.end = func(sums, spare [2]reg.VecVirtual) {
		VXORPS(spare[0], spare[0], spare[0])
		VBROADCASTSS(floor.Addr, spare[1])
		for _, sum := range sums {
			rectify(sum, spare[0], spare[1])
		}
		VMOVUPS(sums[0], Mem{Base: p.c})
		VMOVUPS(sums[1], Mem{Base: p.c, Disp: vector})
	}
	p.emit()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
