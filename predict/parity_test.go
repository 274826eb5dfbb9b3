package predict

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

// TestParity: a network of some size agrees with its definition on frames of any
// size, and one that was packed of other weights does not.
func TestParity(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	wanted := names()
	layers := []model.Layer{dense(rng, len(wanted), 64, true), dense(rng, 64, 32, true), dense(rng, 32, model.OutcomeOutputs, false)}
	scale := scaler(len(wanted))
	in := &inputs{columns: columns{want: wanted}, scaler: &scale}
	var err error
	if in.network, err = Bare(layers); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 3, 7, 40} {
		if err := in.parity(frame(rng, n), layers, nil); err != nil {
			t.Errorf("%d endpoints: %v", n, err)
		}
	}
	other := []model.Layer{layers[0], layers[1], dense(rng, 32, model.OutcomeOutputs, false)}
	if err := in.parity(frame(rng, 3), other, nil); !errors.Is(err, ErrParity) {
		t.Errorf("other weights: %v; want %v", err, ErrParity)
	}
	huge := dense(rng, 32, model.OutcomeOutputs, false)
	for i := range huge.W {
		huge.W[i] = 3e38
	}
	in.network, _ = Bare([]model.Layer{layers[0], layers[1], huge})
	if err := in.parity(frame(rng, 3), []model.Layer{layers[0], layers[1], huge}, nil); !errors.Is(err, ErrNotFinite) {
		t.Errorf("an overflow: %v; want %v", err, ErrNotFinite)
	}
}

func dense(rng *rand.Rand, in, out int, relu bool) model.Layer {
	l := model.Layer{In: in, Out: out, W: make([]float32, in*out), B: make([]float32, out), ReLU: relu}
	for i := range l.W {
		l.W[i] = float32(rng.NormFloat64())
	}
	return l
}
