package train

import (
	"math"
	"testing"
)

// TestDrawMask holds the masks to the plain reading of their bits.
func TestDrawMask(t *testing.T) {
	for _, c := range []struct {
		units   int
		dropout float64
	}{{1, 0.2}, {35, 0.2}, {64 * 128, 0.2}, {3 * 64, 0.5}, {9 * 33, 0.999}, {30, 0}} {
		mask := make([]float32, c.units)
		drawMask(mask, c.dropout, seeded(9))
		random, draw := seeded(9), uint64(0)
		threshold := math.Round(c.dropout * 65536)
		for i, got := range mask {
			if i%4 == 0 {
				draw = random.Uint64()
			}
			want := float32(1 / (1 - threshold/65536))
			if float64(draw&0xffff) < threshold {
				want = 0
			}
			draw >>= 16
			if got != want {
				t.Fatalf("%+v: unit %d: %v; want %v", c, i, got, want)
			}
		}
	}
}
