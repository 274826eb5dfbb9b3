package predict

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

func TestFamiliar(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	m := trained(rng, model.Outcome)
	p, f := compile(t, m), frame(rng, 6)
	if err := p.Familiar(f); err != nil {
		t.Fatal(err)
	}
	for _, column := range m.Routing.Columns {
		set(f, 2, column, 40) // one endpoint is out of its mind
	}
	if err := p.Familiar(f); err != nil {
		t.Errorf("one of six: %v; that is when a model is needed", err)
	}
	for _, column := range m.Routing.Columns {
		set(f, 3, column, -40)
	}
	set(f, 3, "queue_ratio", -77)
	err := p.Familiar(f)
	if !errors.Is(err, ErrUnfamiliar) || !strings.Contains(err.Error(), "worst, queue_ratio of e3 is -77 where training saw 0 to 1") {
		t.Errorf("two of six: %v; want unfamiliar, with the worst column", err)
	}
	for i := range f.X {
		f.X[i] = nan32
	}
	if err := p.Familiar(f); err != nil {
		t.Errorf("nothing known: %v", err)
	}
	f.X[f.Column("up")] = float32(math.Inf(-1))
	if err := p.Familiar(f); !errors.Is(err, ErrNotFinite) {
		t.Errorf("infinite: %v", err)
	}
	m.Routing = nil
	if err := compile(t, m).Familiar(frame(rng, 2)); err != nil {
		t.Errorf("failure network alone: %v", err)
	}
}
