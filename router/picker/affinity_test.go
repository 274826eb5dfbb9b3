package picker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// hashesOf are those of n names.
func hashesOf(n int) (hashes []uint64, alike []float64) {
	for i := range n {
		hashes, alike = append(hashes, Hash(fmt.Sprint("endpoint-", i))), append(alike, 1)
	}
	return hashes, alike
}

type sharing interface {
	Pick(uint64) int
	Shares() []float64
}

var tables = map[string]func([]uint64, []float64, int) sharing{
	"ring":   func(h []uint64, w []float64, size int) sharing { return NewRing(h, w, size) },
	"maglev": func(h []uint64, w []float64, size int) sharing { return NewMaglev(h, w, size) },
}

func picks(s sharing, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = s.Pick(Hash(fmt.Sprint("user-", i)))
	}
	return out
}

// TestTablesAreEven: what a table gives each position is what it says, and near to
// even; of weights, in proportion.
func TestTablesAreEven(t *testing.T) {
	for name, most := range map[string]float64{"ring": 1.35, "maglev": 1.01} {
		hashes, alike := hashesOf(50)
		s := tables[name](hashes, alike, 0)
		t.Logf("%s of 50: most loaded %.3f of the mean", name, 50*slices.Max(s.Shares()))
		if got := 50 * slices.Max(s.Shares()); got > most {
			t.Errorf("%s: one of 50 has %.3f times the mean; want at most %v", name, got, most)
		}
		const n = 200_000
		counts := make([]float64, 50)
		for _, i := range picks(s, n) {
			counts[i]++
		}
		for i, c := range counts {
			if want := n * s.Shares()[i]; math.Abs(c-want) > 5*math.Sqrt(want) {
				t.Errorf("%s: position %d has %v of %d keys; its share says %v", name, i, c, n, want)
			}
		}
		s = tables[name](hashes[:3], []float64{1, 2, 0}, 1<<16)
		if got := s.Shares()[1]; math.Abs(got-2.0/3) > 0.02 || s.Shares()[2] != 0 {
			t.Errorf("%s: weights 1, 2, 0 have %v", name, s.Shares())
		}
	}
}

// TestTablesLoseOne: the sessions of one that goes move; of a ring no others do, of a
// Maglev table few.
func TestTablesLoseOne(t *testing.T) {
	hashes, alike := hashesOf(20)
	for name, most := range map[string]float64{"ring": 0, "maglev": 0.03} {
		before := picks(tables[name](hashes, alike, 0), 50_000)
		alike[7] = 0
		after := picks(tables[name](hashes, alike, 0), 50_000)
		alike[7] = 1
		others, moved := 0, 0
		for i := range before {
			if after[i] == 7 {
				t.Fatalf("%s: a key at one that is gone", name)
			}
			if before[i] != 7 {
				if others++; before[i] != after[i] {
					moved++
				}
			}
		}
		part := float64(moved) / float64(others)
		t.Logf("%s: %.2f %% of the sessions of others moved", name, 100*part)
		if part > most {
			t.Errorf("%s: %.4f of the sessions of others moved; want at most %v", name, part, most)
		}
	}
}

func TestTablesDoNotMindTheOrder(t *testing.T) {
	hashes, alike := hashesOf(9)
	back := slices.Clone(hashes)
	slices.Reverse(back)
	for name, make := range tables {
		a, b := picks(make(hashes, alike, 0), 1000), picks(make(back, alike, 0), 1000)
		for i := range a {
			if hashes[a[i]] != back[b[i]] {
				t.Fatalf("%s: the order of the names moves a key", name)
			}
		}
	}
}

func TestTablesOfFew(t *testing.T) {
	for name, make := range tables {
		for _, size := range []int{0, 1, 5, 1 << 12} {
			if got := make(nil, nil, size).Pick(1); got != -1 {
				t.Errorf("%s of nobody picks %d", name, got)
			}
			if got := make([]uint64{3, 4}, []float64{0, math.NaN()}, size).Pick(1); got != -1 {
				t.Errorf("%s without weights picks %d", name, got)
			}
			one := make([]uint64{3}, []float64{1e-9}, size)
			if one.Pick(0) != 0 || one.Pick(math.MaxUint64) != 0 || math.Abs(one.Shares()[0]-1) > 1e-9 {
				t.Errorf("%s of one: %v", name, one.Shares())
			}
		}
	}
	for size, want := range map[int]uint64{0: 65_537, 1: 3, 8: 11, 65_537: 65_537, 1 << 40: 655_373} {
		if got := tableSize(size); got != want {
			t.Errorf("the table of size %d has %d places; want %d", size, got, want)
		}
	}
}

var hashings = map[string]Hashing{"ring": {}, "maglev": {Maglev: true}}

// TestAffinityIsBounded: whatever the weights, shares are exact, sum to 1 and are
// within the bound; what a subset gets is exact.
func TestAffinityIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, h := range hashings {
		for range 5 {
			hashes, weights := hashesOf(12)
			subsets := make([]string, 12)
			for i := range weights {
				weights[i] = r.ExpFloat64() * float64(r.IntN(4))
				subsets[i] = []string{"v1", "v1", "v2"}[i%3]
			}
			sum, v2 := 0.0, 0.0
			for i, w := range weights {
				if sum += w; i%3 == 2 {
					v2 += w
				}
			}
			a := NewAffinity(h, hashes, subsets, weights, nil)
			const n = 100_000
			counts := make([]float64, 12)
			for i := range n {
				counts[a.Pick(fmt.Sprint("user-", i))]++
			}
			total, second := 0.0, 0.0
			for i, s := range a.Shares() {
				if total += s; i%3 == 2 {
					second += s
				}
				if s > slack*weights[i]/sum*(1+1e-9) {
					t.Errorf("%s: weight %v has a share of %v", name, weights[i]/sum, s)
				}
				if math.Abs(counts[i]-n*s) > 5*math.Sqrt(n*s)+1 {
					t.Errorf("%s: %v of %d keys at a share of %v", name, counts[i], n, s)
				}
			}
			if math.Abs(total-1) > 1e-9 || math.Abs(second-v2/sum) > 1e-9 {
				t.Errorf("%s: shares sum to %v, v2 has %v of %v", name, total, second, v2/sum)
			}
		}
	}
}

// TestAffinityKeepsOthers: when one is ejected its sessions move, nobody else's do,
// and they come back after.
func TestAffinityKeepsOthers(t *testing.T) {
	for name, h := range hashings {
		hashes, weights := hashesOf(6)
		subsets := make([]string, 6)
		before := NewAffinity(h, hashes, subsets, weights, nil)
		weights[2] = 0
		during := NewAffinity(h, hashes, subsets, weights, before)
		weights[2] = 1
		after := NewAffinity(h, hashes, subsets, weights, during)
		for i := range 20_000 {
			key := fmt.Sprint("user-", i)
			was, is := before.Pick(key), during.Pick(key)
			if is == 2 || was != 2 && is != was {
				t.Fatalf("%s: key at %d is at %d while 2 is ejected", name, was, is)
			}
			if after.Pick(key) != was {
				t.Fatalf("%s: key at %d did not come back", name, was)
			}
		}
	}
	none := NewAffinity(Hashing{}, nil, nil, nil, nil)
	if got := none.Pick("x"); got != -1 {
		t.Errorf("nobody is %d", got)
	}
	if got := NewAffinity(Hashing{}, []uint64{1, 2}, []string{"a", "b"}, []float64{0, 0}, nil).Pick("x"); got != -1 {
		t.Errorf("no weight is %d", got)
	}
}

// TestSessionsMoved tells which part of the sessions moves from one window to the
// next, of ten endpoints whose weights swing about one another's mean; print it with
// go test ./router/picker -run TestSessionsMoved -v.
func TestSessionsMoved(t *testing.T) {
	type way func(hashes []uint64, weights []float64) func(key string) int
	var last [2]*Affinity
	bounded := func(k int, h Hashing) way {
		return func(hashes []uint64, w []float64) func(string) int {
			last[k] = NewAffinity(h, hashes, make([]string, len(hashes)), w, last[k])
			return last[k].Pick
		}
	}
	scaled := func(w []float64) []float64 { // so that they sum to their number
		out, sum := make([]float64, len(w)), 0.0
		for _, x := range w {
			sum += x
		}
		for i, x := range w {
			out[i] = x / sum * float64(len(w))
		}
		return out
	}
	ways := map[string]way{
		"rendezvous by weight": func(h []uint64, w []float64) func(string) int {
			return func(key string) int { return Stick(w, h, key) }
		},
		"ring of the weights": func(h []uint64, w []float64) func(string) int {
			r := NewRing(h, scaled(w), 0)
			return func(key string) int { return r.Pick(Hash(key)) }
		},
		"maglev of the weights": func(h []uint64, w []float64) func(string) int {
			m := NewMaglev(h, w, 0)
			return func(key string) int { return m.Pick(Hash(key)) }
		},
		"ring, bounded":   bounded(0, Hashing{}),
		"maglev, bounded": bounded(1, Hashing{Maglev: true}),
	}
	for _, swing := range []float64{0.05, 0.15, 0.4} {
		moved := map[string]float64{}
		for name, make := range ways {
			moved[name] = sessionsMoved(make, swing)
			t.Logf("weights ± %2.0f %%: %5.2f %% of the sessions move per window: %s", 100*swing, 100*moved[name], name)
		}
		for _, name := range []string{"ring, bounded", "maglev, bounded"} {
			if moved[name] > 0.6*moved["rendezvous by weight"] {
				t.Errorf("weights ± %v: %s moves %v, rendezvous %v", swing, name, moved[name], moved["rendezvous by weight"])
			}
		}
	}
}

func sessionsMoved(make func([]uint64, []float64) func(string) int, swing float64) float64 {
	const windows, sessions = 30, 4000
	r := rand.New(rand.NewPCG(1, 2))
	hashes, weights := hashesOf(10)
	var before []int
	moved := 0
	for range windows {
		for i := range weights {
			weights[i] = math.Exp(swing * r.NormFloat64())
		}
		pick := make(hashes, weights)
		var now []int
		for i := range sessions {
			now = append(now, pick(fmt.Sprint("user-", i)))
		}
		for i := range before {
			if before[i] != now[i] {
				moved++
			}
		}
		before = now
	}
	return float64(moved) / sessions / (windows - 1)
}

func TestAffinityDoesNotAllocate(t *testing.T) {
	hashes, weights := hashesOf(12)
	weights[0], weights[1] = 0, 0.1
	for name, h := range hashings {
		a := NewAffinity(h, hashes, make([]string, 12), weights, nil)
		if n := testing.AllocsPerRun(1000, func() { a.Pick("user-4711") }); n != 0 {
			t.Errorf("%s: %v allocations per pick", name, n)
		}
	}
}

func BenchmarkAffinity(b *testing.B) {
	for _, n := range []int{10, 1000} {
		hashes, weights := hashesOf(n)
		subsets := make([]string, n)
		for name, h := range hashings {
			a := NewAffinity(h, hashes, subsets, weights, nil)
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					a.Pick("user-4711")
				}
			})
		}
		b.Run(fmt.Sprintf("rendezvous of %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Stick(weights, hashes, "user-4711")
			}
		})
	}
}
