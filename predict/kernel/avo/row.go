package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// row is a dense layer for one row. After a ReLU most inputs are 0; it lists
// the others and reads the weights of those alone.
func row() {
	to := leftPack()
	TEXT("rowVector", attr.NOSPLIT, "func(x *float32, inner int, w *float32, panels int, bias, y *float32, floor float32, active *int32, values *float32)")
	Doc("rowVector computes y = max(w·x + bias, floor) for one row; w is so many panels of",
		"inner lines. NaN stays NaN. It leaves the indices of the inputs that are not 0 in",
		"active and their values in values; both need room for inner elements, bias and y",
		"for 16 a panel. inner and panels must be above 0.")
	Pragma("noescape")
	s := sparse{active: argument("active"), values: argument("values"), count: GP64()}
	s.list(argument("x"), argument("inner"), to)

	s.w, s.bias, s.y, s.size = argument("w"), argument("bias"), argument("y"), argument("inner")
	SHLQ(Imm(6), s.size) // inner lines: the bytes of a panel
	floor, err := Param("floor").Resolve()
	must(err)
	s.zero, s.floor = YMM(), YMM()
	VXORPS(s.zero, s.zero, s.zero)
	VBROADCASTSS(floor.Addr, s.floor)
	left := argument("panels")
	// Four panels at a time are eight sums, which keep both multipliers busy.
	for _, panels := range []int{4, 2, 1} {
		done := fmt.Sprintf("row%ddone", panels)
		Label(fmt.Sprintf("row%d", panels))
		CMPQ(left, Imm(uint64(panels)))
		JL(LabelRef(done))
		s.panels(panels)
		SUBQ(Imm(uint64(panels)), left)
		JMP(LabelRef(fmt.Sprintf("row%d", panels)))
		Label(done)
	}
	VZEROUPPER()
	RET()
}

// sparse is the registers of a row at work.
type sparse struct {
	active, values, count reg.GPVirtual // the inputs that are not 0
	w, size, bias, y      reg.GPVirtual
	zero, floor           reg.VecVirtual
}

// list writes the inputs that are not 0 to the front of active and values, and
// how many there are to count. A register of them never ends beyond as many
// elements as there are inputs, since no more were listed before than looked at.
func (s *sparse) list(x, inner reg.GPVirtual, to Mem) {
	zero, step, index := YMM(), YMM(), YMM()
	VXORPS(zero, zero, zero)
	VPMOVZXBD(at(to, 255), index) // all lanes in their place: 0 … 7
	eight, at8 := GP32(), XMM()
	MOVL(U32(8), eight)
	VMOVD(eight, at8)
	VPBROADCASTD(at8, step)
	first, table := GP64(), GP64()
	XORQ(first, first)
	XORQ(s.count, s.count)
	LEAQ(to, table)
	SUBQ(Imm(8), inner)

	CMPQ(first, inner)
	JG(LabelRef("listRest"))
	Label("list")
	lanes, order, mask := YMM(), YMM(), GP64()
	VMOVUPS(Mem{Base: x, Index: first, Scale: lane}, lanes)
	VCMPPS(Imm(4), zero, lanes, order) // not equal, or not a number
	VMOVMSKPS(order, mask.As32())
	VPMOVZXBD(Mem{Base: table, Index: mask, Scale: 8}, order)
	VPERMPS(lanes, order, lanes)
	VMOVUPS(lanes, Mem{Base: s.values, Index: s.count, Scale: lane})
	VPERMD(index, order, lanes)
	VMOVDQU(lanes, Mem{Base: s.active, Index: s.count, Scale: lane})
	POPCNTL(mask.As32(), mask.As32())
	ADDQ(mask, s.count)
	VPADDD(step, index, index)
	ADDQ(Imm(8), first)
	CMPQ(first, inner)
	JLE(LabelRef("list"))

	// What does not fill a register, one by one and without branches.
	Label("listRest")
	ADDQ(Imm(8), inner)
	Label("listOne")
	CMPQ(first, inner)
	JGE(LabelRef("listed"))
	bits, some := GP32(), GP64()
	MOVL(Mem{Base: x, Index: first, Scale: lane}, bits)
	MOVL(bits, Mem{Base: s.values, Index: s.count, Scale: lane})
	MOVL(first.As32(), Mem{Base: s.active, Index: s.count, Scale: lane})
	XORL(some.As32(), some.As32())
	ADDL(bits, bits) // without its sign
	SETNE(some.As8())
	ADDQ(some, s.count)
	INCQ(first)
	JMP(LabelRef("listOne"))
	Label("listed")
}

// panels computes the outputs of so many panels and goes on to those after.
func (s *sparse) panels(panels int) {
	name := fmt.Sprintf("row%d", panels)
	base := []reg.GPVirtual{s.w}
	for p := 1; p < panels; p++ {
		b := GP64()
		LEAQ(Mem{Base: base[p-1], Index: s.size, Scale: 1}, b)
		base = append(base, b)
	}
	sums := make([]reg.VecVirtual, 2*panels)
	for i := range sums {
		sums[i] = YMM()
		VMOVUPS(Mem{Base: s.bias, Disp: i * vector}, sums[i])
	}
	next := GP64()
	XORQ(next, next)
	CMPQ(next, s.count)
	JGE(LabelRef(name + "end"))
	Label(name + "input")
	at, x := GP64(), YMM()
	MOVL(Mem{Base: s.active, Index: next, Scale: lane}, at.As32())
	SHLQ(Imm(6), at)
	VBROADCASTSS(Mem{Base: s.values, Index: next, Scale: lane}, x)
	for i := range sums {
		VFMADD231PS(Mem{Base: base[i/2], Index: at, Scale: 1, Disp: i % 2 * vector}, x, sums[i])
	}
	INCQ(next)
	CMPQ(next, s.count)
	JL(LabelRef(name + "input"))

	Label(name + "end")
	for i := range sums {
		rectify(sums[i], s.zero, s.floor)
		VMOVUPS(sums[i], Mem{Base: s.y, Disp: i * vector})
	}
	LEAQ(Mem{Base: base[panels-1], Index: s.size, Scale: 1}, s.w)
	ADDQ(U32(panels*line), s.bias)
	ADDQ(U32(panels*line), s.y)
}

// rectify makes −0 to 0, since a sum that leaves out zeros may end at the one
// where the other adds them and ends at the other, and then applies the ReLU.
// The operands are this way round because the maximum of which one is NaN is
// the last in Intel's order, the first in Go's: NaN must not turn into a
// plausible 0.
func rectify(sum, zero, floor reg.VecVirtual) {
	VADDPS(zero, sum, sum)
	VMAXPS(sum, floor, sum)
}

// leftPack is a table: for each set of lanes, as the bits of the index, the
// numbers of these lanes, one a byte, in order. The bytes after are 0.
func leftPack() Mem {
	table := GLOBL("leftPack", attr.RODATA|attr.NOPTR)
	for set := range 256 {
		var lanes uint64
		for l, n := 0, 0; l < 8; l++ {
			if set>>l&1 > 0 {
				lanes |= uint64(l) << (8 * n)
				n++
			}
		}
		DATA(8*set, U64(lanes))
	}
	return table
}

func at(table Mem, entry int) Mem { return table.Offset(8 * entry) }
