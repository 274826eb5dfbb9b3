package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// product is the loop that the matrix product and the layer for several rows
// share: tiles of rows against one panel or two. There are two of each.
//
// With AVX2 the line of a panel is two registers. Six rows are 12 sums, which
// leave two registers for the weights and two for inputs. With AVX-512 it is
// one; two panels and 12 rows are 24 sums of the 32 registers.
//
// Four rows keep both multipliers busy, and fewer do not: with AVX2 7 rows are
// done as 4 and 3, 8 as 4 and 4, 9 as 4 and 5.
//
// Each sum is added up in the same order, one fused multiplication after the
// other, in all of them: their results are equal to the bit.
type product struct {
	name string // the prefix of labels
	wide bool   // AVX-512

	a, aRow       reg.GPVirtual
	aInner        Op // what goes from one input of a row to the next
	c, cRow, rows reg.GPVirtual
	size          reg.GPVirtual  // bytes of a panel, with AVX-512
	none          reg.VecVirtual // zeros; avo does not see that VPXORD needs no value before

	// begin sets the sums of a row before the first input, end stores them at
	// c; spare are registers that it may use.
	begin func(sums [2]reg.VecVirtual)
	end   func(sums [2]reg.VecVirtual, spare [2]reg.VecVirtual)
}

// load takes the arguments of the function from where they lie.
func (p *product) load() {
	p.a, p.aRow = argument("a"), argument("aRow")
	p.c, p.cRow, p.rows = argument("c"), argument("cRow"), argument("rows")
	if p.wide {
		p.none = p.register()
		VPXORD(p.none, p.none, p.none)
		p.size = argument("inner")
		SHLQ(Imm(6), p.size)
	}
}

func argument(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// most is how many rows the largest tile has, enough how many keep the
// multipliers busy.
func (p *product) most() int {
	if p.wide {
		return 12
	}
	return 6
}

const enough = 4

func (p *product) register() reg.VecVirtual {
	if p.wide {
		return ZMM()
	}
	return YMM()
}

// pair returns two registers, for weights or for the sums of a row.
func (p *product) pair() [2]reg.VecVirtual {
	return [2]reg.VecVirtual{p.register(), p.register()}
}

// second is how many bytes the second register of a row of c comes after the
// first.
func (p *product) second() int {
	if p.wide {
		return line
	}
	return vector
}

func (p *product) zero(r reg.VecVirtual) {
	if p.wide {
		VMOVAPS(p.none, r)
		return
	}
	VXORPS(r, r, r)
}

// emit writes the loop over the rows.
func (p *product) emit() {
	Label(p.name)
	for rows := 1; rows <= p.most(); rows++ {
		CMPQ(p.rows, Imm(uint64(rows)))
		JE(LabelRef(p.label(rows)))
	}
	CMPQ(p.rows, Imm(uint64(p.most()+enough)))
	JL(LabelRef(p.label(enough)))
	for rows := p.most(); rows >= 1; rows-- {
		p.tile(rows)
	}
}

func (p *product) label(rows int) string { return fmt.Sprintf("%s%d", p.name, rows) }

// tile computes some rows and goes back for more.
func (p *product) tile(rows int) {
	Label(p.label(rows))
	sums := make([][2]reg.VecVirtual, rows)
	for r := range sums {
		sums[r] = p.pair()
		p.begin(sums[r])
	}
	// x are every third row: the two after it are one or two distances further,
	// which an address can say.
	x := []reg.GPVirtual{GP64()}
	MOVQ(p.a, x[0])
	for len(x)*3 < rows {
		next := GP64()
		LEAQ(Mem{Base: x[len(x)-1], Index: p.aRow, Scale: 2}, next)
		ADDQ(p.aRow, next)
		x = append(x, next)
	}
	w, left := argument("b"), argument("inner")
	weights, spare := p.pair(), p.pair()
	loop := p.label(rows) + "inner"
	Label(loop)
	VMOVUPS(Mem{Base: w}, weights[0])
	if p.wide {
		VMOVUPS(Mem{Base: w, Index: p.size, Scale: 1}, weights[1])
	} else {
		VMOVUPS(Mem{Base: w, Disp: vector}, weights[1])
	}
	for r := range rows {
		at := Mem{Base: x[r/3]}
		if r%3 > 0 {
			at.Index, at.Scale = p.aRow, uint8(r%3)
		}
		VBROADCASTSS(at, spare[r%2])
		for i, v := range weights {
			VFMADD231PS(v, spare[r%2], sums[r][i])
		}
	}
	ADDQ(Imm(line), w)
	for _, row := range x {
		ADDQ(p.aInner, row)
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
func gemm(name string, wide bool) {
	TEXT(name, attr.NOSPLIT, "func(a *float32, aRow, aInner int, b *float32, inner int, c *float32, cRow, rows int, alpha, beta float32)")
	Doc(name+" computes c = alpha·a·b + beta·c for rows of "+columns(wide)+". b is",
		panels(wide)+" of so many inner lines; element (i, k) of a lies aRow·i + aInner·k bytes after a;",
		"the rows of c are cRow bytes apart. inner and rows must be above 0. Where beta is",
		"0, c is not read.")
	Pragma("noescape")
	alpha, err := Param("alpha").Resolve()
	must(err)
	beta, err := Param("beta").Resolve()
	must(err)
	p := product{name: name, wide: wide, aInner: argument("aInner")}
	p.load()
	p.begin = func(sums [2]reg.VecVirtual) {
		for _, sum := range sums {
			p.zero(sum)
		}
	}
	stores := 0
	p.end = func(sums [2]reg.VecVirtual, spare [2]reg.VecVirtual) {
		VBROADCASTSS(alpha.Addr, spare[0])
		for _, sum := range sums {
			VMULPS(sum, spare[0], sum)
		}
		bits := GP32()
		MOVL(beta.Addr, bits)
		ADDL(bits, bits) // without its sign
		stores++
		store := fmt.Sprintf("%sstore%d", name, stores)
		JZ(LabelRef(store))
		VBROADCASTSS(beta.Addr, spare[0])
		for i, sum := range sums {
			VFMADD231PS(Mem{Base: p.c, Disp: i * p.second()}, spare[0], sum)
		}
		Label(store)
		for i, sum := range sums {
			VMOVUPS(sum, Mem{Base: p.c, Disp: i * p.second()})
		}
	}
	p.emit()
}

// rows is a dense layer for several rows.
func rows(name string, wide bool) {
	TEXT(name, attr.NOSPLIT, "func(a *float32, aRow int, b *float32, inner int, c *float32, cRow, rows int, bias *float32, floor float32)")
	Doc(name+" computes c = max(a·b + bias, floor) for rows of "+columns(wide)+". b is",
		panels(wide)+" of so many inner lines; the rows of a and c are aRow and cRow bytes apart. NaN",
		"stays NaN. inner and rows must be above 0. Each sum is added up in the order of",
		"rowVector, so that a row has the same result to the bit.")
	Pragma("noescape")
	floor, err := Param("floor").Resolve()
	must(err)
	p := product{name: name, wide: wide, aInner: Imm(lane)}
	p.load()
	bias := argument("bias")
	p.begin = func(sums [2]reg.VecVirtual) {
		for i, sum := range sums {
			VMOVUPS(Mem{Base: bias, Disp: i * p.second()}, sum)
		}
	}
	p.end = func(sums [2]reg.VecVirtual, spare [2]reg.VecVirtual) {
		p.zero(spare[0])
		VBROADCASTSS(floor.Addr, spare[1])
		for i, sum := range sums {
			rectify(sum, spare[0], spare[1])
			VMOVUPS(sum, Mem{Base: p.c, Disp: i * p.second()})
		}
	}
	p.emit()
}

func columns(wide bool) string {
	if wide {
		return "32 columns"
	}
	return "16 columns"
}

func panels(wide bool) string {
	if wide {
		return "two panels, one after the other,"
	}
	return "a panel"
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
