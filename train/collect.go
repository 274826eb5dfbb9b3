package train

import (
	"context"
	"errors"
	"math"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Source opens a recording, hands it to use with the timing at which it is to
// be looked at, and closes it. It may be called twice.
type Source func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error

// Collect walks rec, as CollectAll does with several.
func Collect(ctx context.Context, rec *datasets.Recording, t mesh.Timing, cfg Config) (*Set, error) {
	return CollectAll(ctx, cfg, func(_ context.Context, use func(*datasets.Recording, mesh.Timing) error) error { return use(rec, t) })
}

// CollectAll walks recordings one after the other, through the extractor that
// serving will use, and keeps each decision with what came while it was in
// force (Timing.InForce). What an endpoint does on average until a far horizon
// is another question: it has mostly recovered by then, and weights set by it
// leave too late. cfg gives the objective, and how much is held in memory. The
// set's timing is that of the first recording.
//
// Where there is more than cfg.Rows allows, the recordings are walked a second
// time, and what is learned from is drawn: of training by regime, so that rare
// ones survive, with weights that undo it; of validation and test evenly. The
// first walk has told by then what every service's limits and loads are. A
// second walk was chosen over a file of rows on the disk because the cache of
// windows is such a file already; it costs the time of a walk, and only the
// sets that would not fit pay for it. Whether an endpoint fails after a decision
// is told during the walk (see teller), since a drawn decision has lost its
// neighbours in time.
func CollectAll(ctx context.Context, cfg Config, sources ...Source) (*Set, error) {
	if len(sources) == 0 {
		return nil, errors.New("train: no recording to learn from")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g := &gathering{cfg: cfg, set: &Set{}, sample: newReservoir(cfg.Rows/4, streamed(cfg.Seed, streamDraw))}
	for _, source := range sources {
		if err := source(ctx, func(rec *datasets.Recording, t mesh.Timing) error { return g.look(ctx, rec, t) }); err != nil {
			return nil, err
		}
	}
	if !g.large {
		return g.set, nil
	}
	return g.draw(ctx, sources)
}

func momentOf(p *datasets.Pair) Moment {
	f := p.Frame
	n := len(f.Endpoints)
	m := Moment{Service: f.Service, Time: f.Time, X: f.X, Endpoints: make([]string, n), Now: make([]Seen, n), After: make([]Seen, n)}
	for i := range f.Endpoints {
		m.Endpoints[i] = f.Endpoints[i].Name
		m.Now[i] = seen(&f.Window, i)
		m.After[i] = seen(&p.After, i)
	}
	return m
}

// seen takes for a value what the extractor does: one latency of -1e30 s, which a
// counter's sum that jumps can make, would outweigh all others in what is learned
// and in what is reported.
func seen(w *mesh.Window, i int) Seen {
	amount := func(name string) float64 { return features.Amount(w.At(i, name)) }
	s := Seen{
		Rate: amount(mesh.RequestRate), Requests: math.NaN(),
		Mean: amount(mesh.LatencyMean), P50: amount(mesh.LatencyP50), P90: amount(mesh.LatencyP90), P99: amount(mesh.LatencyP99),
		ErrorRatio: features.Ratio(w.At(i, mesh.ErrorRatio)), Up: features.Ratio(w.At(i, mesh.Up)),
	}
	if i < len(w.Requests) {
		s.Requests = features.Amount(w.Requests[i])
	}
	return s
}
