package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n values at the very end of the memory that may be touched:
// a kernel that reads or writes one more crashes.
func guarded(t *testing.T, n int) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n*4 + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(memory[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&memory[size-n*4])), n)
}

// TestForwardStaysInside its inputs, its outputs and its own memory.
func TestForwardStaysInside(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 3))
		for in := 1; in < 40; in++ {
			out, rows := 1+rng.IntN(70), 1+rng.IntN(30)
			network := packAll(t, random(rng, in, 1+rng.IntN(40), out))
			x, dst := guarded(t, rows*in), guarded(t, rows*out)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			network.x, network.y = guarded(t, len(network.x)), guarded(t, len(network.y))
			network.active.value = guarded(t, len(network.active.value))
			index := guarded(t, len(network.active.index))
			network.active.index = unsafe.Slice((*int32)(unsafe.Pointer(&index[0])), len(index))
			network.Forward(dst, x)
			network.Forward(dst[len(dst)-out:], x[len(x)-in:])
		}
	})
}

// TestGemmStaysInside its operands.
func TestGemmStaysInside(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 3))
		for transposed := range 4 {
			for range 40 {
				p := newProduct(rng, transposed&1 > 0, transposed&2 > 0, 1+rng.IntN(20), 1+rng.IntN(50), 1+rng.IntN(20), 1, 0.5, 3)
				for _, operand := range []*[]float32{&p.a, &p.b, &p.c} {
					inside := guarded(t, len(*operand))
					copy(inside, *operand)
					*operand = inside
				}
				p.run(p.c)
			}
		}
	})
}
