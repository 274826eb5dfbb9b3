package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// onEveryPath runs a test with the kernels for AVX-512, with those for AVX2 and
// with those in Go, as far as there are some for this processor.
func onEveryPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	v, w := vector, wide
	defer func() { vector, wide = v, w }()
	if wide {
		t.Run("AVX-512", test)
		wide = false
	}
	if vector {
		t.Run("AVX2", test)
		vector = false
	}
	t.Run("Go", test)
}

// product is the operands of a matrix product.
type product struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    float32
	a, b, c        []float32
	lda, ldb, ldc  int
}

// newProduct draws operands whose rows have gaps of up to pad−1 values. The
// gaps of c hold NaN, so that a kernel which writes there is found out.
func newProduct(rng *rand.Rand, transA, transB bool, m, n, k int, alpha, beta float32, pad int) product {
	p := product{transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, beta: beta}
	matrix := func(rows, columns int, transposed bool) ([]float32, int) {
		if transposed {
			rows, columns = columns, rows
		}
		ld := max(1, columns+rng.IntN(pad))
		return normal(rng, max(0, (rows-1)*ld+columns)), ld // not one value more than it takes
	}
	p.a, p.lda = matrix(m, k, transA)
	p.b, p.ldb = matrix(k, n, transB)
	p.c, p.ldc = matrix(m, n, false)
	for i := range p.c {
		if i%p.ldc >= n {
			p.c[i] = float32(math.NaN())
		}
	}
	return p
}

func (p *product) run(c []float32) {
	Gemm(p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
}

// check compares with the definition in float64: the rounding may be as large
// as that of the sum of the absolute values.
func (p *product) check(t *testing.T) {
	t.Helper()
	got := slices.Clone(p.c)
	p.run(got)
	for i := range got {
		row, column := i/p.ldc, i%p.ldc
		if column >= p.n {
			if got[i] == got[i] {
				t.Fatalf("%s: wrote %v between the rows", p, got[i])
			}
			continue
		}
		want, size := p.element(row, column)
		if math.Abs(float64(got[i])-want) > 1e-6*math.Sqrt(float64(p.k+2))*size+1e-30 {
			t.Fatalf("%s: element %d, %d is %v; want %v", p, row, column, got[i], want)
		}
	}
}

// element is the definition of an element of the result, and the sum of the
// absolute values that went into it.
func (p *product) element(row, column int) (value, size float64) {
	if p.beta != 0 {
		value = float64(p.beta) * float64(p.c[row*p.ldc+column])
		size = math.Abs(value)
	}
	for i := range p.k {
		a, b := row*p.lda+i, i*p.ldb+column
		if p.transA {
			a = i*p.lda + row
		}
		if p.transB {
			b = column*p.ldb + i
		}
		v := float64(p.alpha) * float64(p.a[a]) * float64(p.b[b])
		value, size = value+v, size+math.Abs(v)
	}
	return value, size
}

func (p *product) String() string {
	return fmt.Sprintf("%d×%d×%d, transposed %v %v, alpha %v, beta %v, rows %d, %d and %d apart", p.m, p.n, p.k, p.transA, p.transB, p.alpha, p.beta, p.lda, p.ldb, p.ldc)
}

// TestGemmIsTheDefinition tries all small shapes, and those around the sizes of
// the blocks.
func TestGemmIsTheDefinition(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		scales := []float32{0, 1, -0.5, 2}
		try := func(m, n, k int) {
			transposed := rng.IntN(4)
			p := newProduct(rng, transposed&1 > 0, transposed&2 > 0, m, n, k, scales[rng.IntN(4)], scales[rng.IntN(4)], 1+rng.IntN(9))
			p.check(t)
		}
		for m := range 15 {
			for n := range 36 {
				for k := range 10 {
					try(m, n, k)
				}
			}
		}
		for _, m := range []int{1, rowBlock - 1, rowBlock + 1, 2*rowBlock + 7} {
			for _, n := range []int{1, columnBlock - 1, columnBlock + 17} {
				for _, k := range []int{1, innerBlock, innerBlock + 1} {
					try(m, n, k)
				}
			}
		}
	})
}

// FuzzGemm tries shapes that nobody thought of.
func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(128), uint16(300), float32(1), float32(0), uint8(1))
	f.Add(uint64(2), uint8(0), uint8(5), uint16(3), float32(0.5), float32(2), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, m, n uint8, k uint16, alpha, beta float32, transposed uint8) {
		if !(math.Abs(float64(alpha)) < 1e9 && math.Abs(float64(beta)) < 1e9) {
			t.Skip("would overflow")
		}
		p := newProduct(rand.New(rand.NewPCG(seed, 0)), transposed&1 > 0, transposed&2 > 0, int(m), int(n), int(k%600), alpha, beta, 5)
		p.check(t)
	})
}

// TestGemmIsGonums holds every pair of transposes to gonum's SGEMM, on the
// products of training the origin's network and on odd shapes.
func TestGemmIsGonums(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 2))
		trans := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
		for _, shape := range [][3]int{{256, 128, 20}, {256, 64, 128}, {256, 5, 32}, {128, 64, 300}, {33, 17, 65}, {7, 129, 31}} {
			for transposed := range 4 {
				p := newProduct(rng, transposed&1 > 0, transposed&2 > 0, shape[0], shape[1], shape[2], 1.5, 0.5, 4)
				got, want := slices.Clone(p.c), slices.Clone(p.c)
				p.run(got)
				gonum.Implementation{}.Sgemm(trans[p.transA], trans[p.transB], p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, want, p.ldc)
				for i := range got {
					if i%p.ldc < p.n && !(math.Abs(float64(got[i]-want[i])) <= 1e-3) {
						t.Fatalf("%s: element %d, %d is %v; gonum has %v", &p, i/p.ldc, i%p.ldc, got[i], want[i])
					}
				}
			}
		}
	})
}

// TestGemmNotFinite: what c held does not matter where beta is 0, a and b do
// not where alpha is, and what is not finite is never lost else.
func TestGemmNotFinite(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		nan := float32(math.NaN())
		for _, n := range []int{3, 16, 21} {
			a, b, c := make([]float32, 4*2), make([]float32, 2*n), make([]float32, 4*n)
			fill := func(x []float32, v float32) {
				for i := range x {
					x[i] = v
				}
			}
			fill(b, 1)
			fill(c, nan)
			Gemm(false, false, 4, n, 2, 1, a, 2, b, n, 0, c, n)
			if i := slices.IndexFunc(c, func(v float32) bool { return v != 0 }); i >= 0 {
				t.Errorf("%d columns, beta 0: c[%d] is %v", n, i, c[i])
			}
			fill(c, nan)
			Gemm(false, false, 4, n, 2, 0, a, 2, b, n, 0, c, n)
			if i := slices.IndexFunc(c, func(v float32) bool { return v != 0 }); i >= 0 {
				t.Errorf("%d columns, alpha and beta 0: c[%d] is %v", n, i, c[i])
			}
			b[n] = nan
			fill(c, 1)
			Gemm(false, false, 4, n, 2, 0, a, 2, b, n, 2, c, n)
			if i := slices.IndexFunc(c, func(v float32) bool { return v != 2 }); i >= 0 {
				t.Errorf("%d columns, alpha 0: c[%d] is %v", n, i, c[i])
			}
			Gemm(false, false, 4, n, 2, 1, a, 2, b, n, 1, c, n)
			for i, v := range c {
				if (v != v) != (i%n == 0) {
					t.Errorf("%d columns, b's first is NaN: c[%d] is %v", n, i, v)
				}
			}
		}
	})
}

// TestGemmIsTheSame to the bit, from call to call, on several goroutines at
// once, and row by row.
func TestGemmIsTheSame(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
		rng := rand.New(rand.NewPCG(3, 3))
		p := newProduct(rng, false, true, 77, 37, 300, 0.7, 0.3, 1)
		want := slices.Clone(p.c)
		p.run(want)
		results := make([][]float32, 8)
		var wait sync.WaitGroup
		for i := range results {
			wait.Go(func() {
				results[i] = slices.Clone(p.c)
				p.run(results[i])
			})
		}
		wait.Wait()
		rows := slices.Clone(p.c)
		for i := range p.m {
			Gemm(false, true, 1, p.n, p.k, p.alpha, p.a[i*p.lda:], p.lda, p.b, p.ldb, p.beta, rows[i*p.ldc:], p.ldc)
		}
		for _, got := range append(results, rows) {
			if !slices.Equal(got, want) {
				t.Fatal("another result")
			}
		}
	})
}

// TestGemmIsTheSameWithAVX512 as with AVX2, to the bit: a model that was trained
// on one machine is the same on another.
func TestGemmIsTheSameWithAVX512(t *testing.T) {
	if !wide {
		t.Skip("this processor has no AVX-512")
	}
	defer func() { wide = true }()
	rng := rand.New(rand.NewPCG(6, 6))
	for transposed := range 4 {
		p := newProduct(rng, transposed&1 > 0, transposed&2 > 0, 1+rng.IntN(99), 1+rng.IntN(200), 1+rng.IntN(600), 0.7, 0.3, 1)
		with, without := slices.Clone(p.c), slices.Clone(p.c)
		p.run(with)
		wide = false
		p.run(without)
		wide = true
		if !slices.Equal(with, without) {
			t.Errorf("%s: another result", &p)
		}
	}
}

func TestGemmRefuses(t *testing.T) {
	x := make([]float32, 6)
	for name, call := range map[string]func(){
		"m":         func() { Gemm(false, false, -1, 2, 3, 1, x, 3, x, 2, 0, x, 2) },
		"k":         func() { Gemm(false, false, 2, 2, -1, 1, x, 3, x, 2, 0, x, 2) },
		"lda":       func() { Gemm(false, false, 2, 2, 3, 1, x, 2, x, 2, 0, x, 2) },
		"lda, of T": func() { Gemm(true, false, 3, 2, 2, 1, x, 2, x, 2, 0, x, 2) },
		"short a":   func() { Gemm(false, false, 2, 2, 3, 1, x[:5], 3, x, 2, 0, x, 2) },
		"short b":   func() { Gemm(false, false, 2, 2, 3, 1, x, 3, x[:5], 2, 0, x, 2) },
		"short c":   func() { Gemm(false, false, 2, 2, 3, 1, x, 3, x, 2, 0, x[:3], 2) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestGemmAllocatesNothing(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		p := newProduct(rand.New(rand.NewPCG(4, 4)), false, false, 32, 37, 20, 1, 1, 1)
		if n := testing.AllocsPerRun(100, func() { p.run(p.c) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// BenchmarkGemm compares, in one run, with gonum on the products of training
// the origin's network: the layer itself, the gradient of its weights and that
// of its inputs.
func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 5))
	trans := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	for _, batch := range []int{32, 256, 1024} {
		for _, layer := range [][2]int{{20, 128}, {128, 64}, {64, 32}, {32, 5}} {
			in, out := layer[0], layer[1]
			for name, p := range map[string]product{
				"forward": newProduct(rng, false, false, batch, out, in, 1, 0, 1),
				"weights": newProduct(rng, true, false, in, out, batch, 1, 0, 1),
				"inputs":  newProduct(rng, false, true, batch, in, out, 1, 0, 1),
			} {
				c := slices.Clone(p.c)
				run := func(name string, call func()) {
					b.Run(fmt.Sprintf("%s/batch=%d/%d→%d/%s", name, batch, in, out, name), func(b *testing.B) {
						for b.Loop() {
							call()
						}
						b.ReportMetric(float64(p.m*p.n*p.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gmac/s")
					})
				}
				run(name+"/blocked", func() { p.run(c) })
				run(name+"/gonum", func() {
					gonum.Implementation{}.Sgemm(trans[p.transA], trans[p.transB], p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
				})
			}
		}
	}
}
