package train

import (
	"math"
	"math/rand/v2"
)

// drawMask writes what the outputs of a hidden layer are multiplied by: 0 with
// the given probability, else what keeps the mean. It spends 16 random bits on
// each unit, so the probability is exact to 1/65536. A branch per unit would be
// mispredicted as often as a unit is dropped; the sign of a difference selects
// instead.
func drawMask(mask []float32, dropout float64, random *rand.Rand) {
	threshold := int32(math.Round(dropout * 65536))
	keep := math.Float32bits(float32(1 / (1 - float64(threshold)/65536)))
	for rest := mask; len(rest) > 0; {
		draw := random.Uint64()
		if len(rest) >= 4 {
			four := (*[4]float32)(rest)
			four[0] = masked(keep, draw, threshold)
			four[1] = masked(keep, draw>>16, threshold)
			four[2] = masked(keep, draw>>32, threshold)
			four[3] = masked(keep, draw>>48, threshold)
			rest = rest[4:]
			continue
		}
		for i := range rest {
			rest[i] = masked(keep, draw>>(16*i), threshold)
		}
		break
	}
}

// masked is 0 where the last 16 bits of a draw are below the threshold.
func masked(keep uint32, draw uint64, threshold int32) float32 {
	return math.Float32frombits(keep &^ uint32((int32(draw&0xffff)-threshold)>>31))
}
