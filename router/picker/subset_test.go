package picker

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// fleetOf is the subset of each of n proxies.
func fleetOf(n int, hashes []uint64, weights []float64, size int) [][]int {
	var all [][]int
	for p := range n {
		all = append(all, Subset(hashes, weights, Hash(fmt.Sprint("proxy-", p)), size))
	}
	return all
}

// TestSubsetsAreEven tells how evenly 100 proxies load 1000 endpoints; print it with
// go test ./router/picker -run TestSubsets -v.
func TestSubsetsAreEven(t *testing.T) {
	hashes, alike := hashesOf(1000)
	for size, most := range map[int]float64{20: 5, 50: 3, 100: 2.5, 300: 1.8} {
		load := make([]float64, 1000)
		for _, own := range fleetOf(100, hashes, alike, size) {
			if len(own) != size {
				t.Fatalf("%d endpoints; want %d", len(own), size)
			}
			for _, i := range own {
				load[i] += 1000.0 / 100 / float64(size)
			}
		}
		idle, square := 0, 0.0
		for _, x := range load {
			if square += (x - 1) * (x - 1); x == 0 {
				idle++
			}
		}
		got := slices.Max(load)
		t.Logf("%3d endpoints each: most loaded %.2f of the mean, deviation %.2f, %d used by nobody", size, got, math.Sqrt(square/1000), idle)
		if got > most {
			t.Errorf("%d endpoints each: %v of the mean; want at most %v", size, got, most)
		}
	}
}

// TestSubsetsAreStable: when an endpoint goes, or comes, who had it has one other in its
// place, and nobody else notices; an ejected one comes back.
func TestSubsetsAreStable(t *testing.T) {
	hashes, weights := hashesOf(1000)
	const size = 50
	before := fleetOf(100, hashes, weights, size)
	changed := 0
	weights[7] = 0
	for p, own := range fleetOf(100, hashes, weights, size) {
		lost := 0
		for _, i := range before[p] {
			if !slices.Contains(own, i) {
				lost++
			}
		}
		if want := slices.Contains(before[p], 7); lost > 1 || (lost == 1) != want {
			t.Fatalf("proxy %d lost %d endpoints", p, lost)
		}
		changed += lost
	}
	t.Logf("one of 1000 endpoints goes: %d of %d connections move, %.3f %%", changed, 100*size, float64(changed)/size)
	weights[7] = 1
	for p, own := range fleetOf(100, hashes, weights, size) {
		if !slices.Equal(own, before[p]) {
			t.Fatal("it did not come back")
		}
	}
	if got := Subset(hashes[:3], []float64{1, 0, 2}, 5, 9); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("of few %v", got)
	}
	if got := Subset(nil, nil, 5, 9); len(got) != 0 {
		t.Errorf("of none %v", got)
	}
}
