package sim

import (
	"math/rand/v2"
	"testing"
)

func TestDrawShares(t *testing.T) {
	for _, n := range []int{1, 2, 3, 6, 11, 100} {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		for range 300 {
			sum := 0
			for _, u := range drawShares(random, n) {
				sum += u
				if u <= 0 {
					t.Fatalf("of %d endpoints one gets nothing", n)
				}
			}
			if sum != shareUnit {
				t.Fatalf("shares of %d endpoints sum to %d; want %d", n, sum, shareUnit)
			}
		}
	}
}
