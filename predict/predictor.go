package predict

import (
	"fmt"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// Predictor is a compiled model. It has scratch memory of its own, so it
// serves one goroutine; once that has grown to the largest service, nothing
// is allocated. Equal frames get equal answers: it remembers nothing.
type Predictor struct {
	model   *model.Model
	hash    string       // of the model's schema
	schema  *mesh.Schema // the last that had that hash
	routing *inputs      // nil when there is no such network
	failure *inputs
	physics columns    // what curves are relative to
	quality columns    // missing ratio; requests, where there are classes of them
	levels  [3]float64 // of the time to a failure
	curves  []Curve
	// What doubt needs: nil whitener when the model knows of none.
	whitener *whitener
	scales   columns // scaleColumns
	measures []float64
	spreads  []Spread
	sums     []sums
	// Of a fixed5 network: the endpoint of each route, and the inputs of all.
	slots  []int
	joined []float32
}

// Compile checks m and packs its networks. It keeps m, and reads it only.
func Compile(m *model.Model) (*Predictor, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	p := &Predictor{model: m, hash: m.Schema.Hash()}
	p.physics.want = anchorColumns
	p.scales.want = scaleColumns
	p.quality.want = []string{"missing_ratio"}
	if n := m.Routing; n != nil {
		network, err := Bare(n.Layers)
		if err != nil {
			return nil, fmt.Errorf("routing network: %w", err)
		}
		p.routing = &inputs{columns: columns{want: n.Columns}, scaler: &n.Scaler, network: network, mean: n.Mean}
		for i, layers := range n.Members {
			member, err := Bare(layers)
			if err != nil {
				return nil, fmt.Errorf("routing network, member %d: %w", i+1, err)
			}
			p.routing.members = append(p.routing.members, member)
		}
		if p.whitener, err = newWhitener(n); err != nil {
			return nil, err
		}
		p.slots, p.joined = make([]int, len(n.Routes)), make([]float32, len(n.Routes)*len(n.Columns))
	}
	if h := m.Failure; h != nil {
		network, err := Bare(h.Layers)
		if err != nil {
			return nil, fmt.Errorf("failure network: %w", err)
		}
		p.levels = h.TimeLevels()
		if len(h.Classes) > 0 {
			p.quality.want = append(p.quality.want, "log_requests")
		}
		p.failure = &inputs{columns: columns{want: h.Columns}, scaler: &h.Scaler, network: network}
	}
	return p, nil
}

// Bare packs layers alone, for whoever wants to run a network over rows that
// are scaled already. The network serves one goroutine.
func Bare(layers []model.Layer) (*kernel.Network, error) {
	packed := make([]kernel.Layer, len(layers))
	for i, l := range layers {
		packed[i] = kernel.Layer{In: l.In, Out: l.Out, W: l.W, B: l.B, ReLU: l.ReLU}
	}
	return kernel.Pack(packed)
}

// Predict writes a prediction for each endpoint of f, at load requests/s per
// endpoint; nil is the load of the frame's window. Only Outcome networks take
// the load as an input. dst and load have one entry per endpoint.
//
// An endpoint whose frame lacks what a prediction is relative to gets NaN, and
// the others their answers. Errors: ErrNoNetwork, ErrSchema, ErrNotFinite.
func (p *Predictor) Predict(dst []Prediction, f *features.Frame, load []float64) error {
	n := len(f.Endpoints)
	if p.routing == nil {
		return fmt.Errorf("%w: it was trained without a routing network", ErrNoNetwork)
	}
	if len(dst) != n || load != nil && len(load) != n {
		return fmt.Errorf("predict: room for %d predictions and %d loads for %d endpoints", len(dst), len(load), n)
	}
	switch p.model.Routing.Kind {
	case model.Outcome:
		return p.outcomes(dst, f, load)
	case model.Softmax:
		return p.softmax(dst, f)
	default:
		return p.fixed(dst, f)
	}
}

// fits reports a frame that is not made of what the model was trained on.
func (p *Predictor) fits(f *features.Frame) error {
	if f.Schema == nil {
		return fmt.Errorf("%w: the frame has no schema", ErrSchema)
	}
	if f.Schema != p.schema {
		if hash := f.Schema.Hash(); hash != p.hash {
			return fmt.Errorf("%w: it was trained on schema %q (%s), the frame is of %q (%s)", ErrSchema, p.model.Schema.Name, p.hash, f.Schema.Name, hash)
		}
		p.schema = f.Schema
	}
	if len(f.X) != len(f.Endpoints)*len(f.Names) {
		return fmt.Errorf("%w: %d values for %d endpoints with %d columns", ErrSchema, len(f.X), len(f.Endpoints), len(f.Names))
	}
	return nil
}
