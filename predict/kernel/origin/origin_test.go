package origin

import (
	"slices"
	"testing"

	"github.com/fairway-mesh/fairway/predict/kernel"
)

// TestTrain: the network has learned to choose, and leaves more zeros than the
// half that drawn weights leave.
func TestTrain(t *testing.T) {
	layers, rows := Train(1)
	network, err := kernel.Pack(layers)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(rows)/20*5)
	network.Forward(got, rows)
	_, best := problem(newRand(1))
	right := 0
	for s := range len(rows) / 20 {
		y := got[s*5 : s*5+5]
		if slices.Index(y, slices.Max(y)) == best[s] {
			right++
		}
	}
	if share := float64(right) / float64(len(rows)/20); share < 0.7 {
		t.Errorf("%.0f %% of the choices are right; drawn weights have 20 %%", 100*share)
	} else {
		t.Logf("%.0f %% right", 100*share)
	}
	zeros, err := Zeros(layers, rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("zeros after each layer: %.2f", zeros)
	if zeros[0] < 0.65 || zeros[0] > 0.8 {
		t.Errorf("%.2f of the first layer's outputs are 0; want about 0.72", zeros[0])
	}
}
