package predict

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// familiar returns ErrUnfamiliar, saying why, when f itself is more doubtful
// than it may be, whatever came before it.
func familiar(p *Predictor, f *features.Frame) error {
	d, o, err := p.strange(f)
	if err != nil || d.Strange() <= 1 {
		return err
	}
	return p.unfamiliar(f, d, o)
}

func TestFamiliar(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	m := trained(rng, model.Outcome)
	p, f := compile(t, m), frame(rng, 6)
	if err := familiar(p, f); err != nil {
		t.Fatal(err)
	}
	for _, column := range m.Routing.Columns {
		set(f, 2, column, 40) // one endpoint is out of its mind
	}
	if err := familiar(p, f); err != nil {
		t.Errorf("one of six: %v; that is when a model is needed", err)
	}
	for _, column := range m.Routing.Columns {
		set(f, 3, column, -40)
	}
	set(f, 3, "queue_ratio", -77)
	err := familiar(p, f)
	if !errors.Is(err, ErrUnfamiliar) || !strings.Contains(err.Error(), "worst, queue_ratio of e3 is -77 where training saw 0 to 1") {
		t.Errorf("two of six: %v; want unfamiliar, with the worst column", err)
	}
	for i := range f.X {
		f.X[i] = nan32
	}
	if err := familiar(p, f); err != nil {
		t.Errorf("nothing known: %v", err)
	}
	f.X[f.Column("up")] = float32(math.Inf(-1))
	if err := familiar(p, f); !errors.Is(err, ErrNotFinite) {
		t.Errorf("infinite: %v", err)
	}
	m.Routing = nil
	if err := familiar(compile(t, m), frame(rng, 2)); err != nil {
		t.Errorf("failure network alone: %v", err)
	}
}
