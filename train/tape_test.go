package train

import (
	"math"
	"runtime"
	"testing"

	"gorgonia.org/gorgonia"
)

// busy is a machine of the origin's size with a batch in it.
func busy(t testing.TB, rows int) (*machine, *adam) {
	t.Helper()
	random := seeded(12)
	m, err := newMachine(initial(random, 20, 128, 64, 32, 5), choice{5, 5}, rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	copy(m.x, normals(random, len(m.x)))
	for i := range rows {
		m.target[5*i+random.IntN(5)] = 1
	}
	for _, mask := range m.masks {
		drawMask(mask, 0.2, random)
	}
	return m, newAdam(m.params, 1e-3)
}

// TestBatchAllocatesNothing: not in the batch, and not over many of them.
func TestBatchAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector throws away what the kernels keep for their next call")
	}
	m, adam := busy(t, 64)
	batch := func() {
		if _, err := m.run(); err != nil {
			t.Fatal(err)
		}
		adam.step()
	}
	if n := testing.AllocsPerRun(200, batch); n != 0 {
		t.Errorf("a batch makes %v allocations", n)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 2000 {
		batch()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<18 {
		t.Errorf("2000 batches leave %d bytes on the heap", grown)
	}
}

// TestLossThatIsNotFiniteShows: in the batch that it happens in, not later,
// and as a value: who runs the batches can name it.
func TestLossThatIsNotFiniteShows(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name  string
		spoil func(m *machine)
	}{
		{"input", func(m *machine) { m.x[7] = nan }},
		{"input of a dropped unit", func(m *machine) { m.x[7] = nan; clear(m.masks[0]) }},
		{"weight", func(m *machine) { m.params[2].value[5] = nan }},
		{"bias", func(m *machine) { m.params[5].value[0] = nan }},
		{"overflow", func(m *machine) {
			for i := range m.params[6].value {
				m.params[6].value[i] = float32(math.Inf(1 - 2*(i&1)))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, adam := busy(t, 16)
			for batch := range 5 {
				if batch == 3 {
					c.spoil(m)
				}
				loss, err := m.run()
				if err != nil {
					t.Fatal(err)
				}
				if bad := math.IsNaN(loss) || math.IsInf(loss, 0); bad != (batch >= 3) {
					t.Fatalf("batch %d: loss %v; it is spoilt from batch 3 on", batch, loss)
				}
				if batch < 3 {
					adam.step()
				}
			}
		})
	}
}

// TestTapeRefusesGorgoniasOperations, whose results are made anew in each run.
func TestTapeRefusesGorgoniasOperations(t *testing.T) {
	building.Lock()
	defer building.Unlock()
	g := gorgonia.NewGraph()
	var x, w []float32
	if _, err := gorgonia.Mul(input(g, "x", &x, 2, 3), input(g, "w", &w, 3, 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := newTape(g, 2, 1); err == nil {
		t.Error("a product of Gorgonia's own is taken")
	}
}

// TestTapeRefusesSumsOfSums: what needs a sum over the rows would run before it.
func TestTapeRefusesSumsOfSums(t *testing.T) {
	building.Lock()
	defer building.Unlock()
	g := gorgonia.NewGraph()
	var x []float32
	sum, err := gorgonia.ApplyOp(newColumnSum("sum", BLAS(), 3), input(g, "x", &x, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gorgonia.ApplyOp(newColumnSum("of sums", BLAS(), 3), sum); err != nil {
		t.Fatal(err)
	}
	if _, err := newTape(g, 2, 1); err == nil {
		t.Error("a sum of sums is taken")
	}
}

// BenchmarkBatch is one batch: the tape and Adam, without the drawing of masks.
func BenchmarkBatch(b *testing.B) {
	m, adam := busy(b, 256)
	machines := map[string]gorgonia.VM{"ours": m.tape, "Gorgonia's": gorgonia.NewTapeMachine(m.loss.Graph())}
	for name, tape := range machines {
		b.Run(name, func(b *testing.B) {
			m.tape = tape
			b.ReportAllocs()
			for range b.N {
				if _, err := m.run(); err != nil {
					b.Fatal(err)
				}
				adam.step()
			}
		})
	}
}
