package predict

import (
	"fmt"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// Doubt is how little a frame should be left to the model, seen in four ways.
// Each is a multiple of its limit, so that 1 is as much as may be; 0 where the
// model cannot tell. All are about most of the endpoints: one of several that
// behaves as none did before is when a model is needed.
type Doubt struct {
	Far      float64 // part of the values that lie far outside of training
	Distance float64 // from what came together in training
	Scale    float64 // of latency and capacity, outside of the orders of magnitude in training
	Spread   float64 // over the members of the ensemble, of the predicted cost
}

// Strange is the greatest doubt about the frame itself.
func (d Doubt) Strange() float64 { return max(d.Far, d.Distance, d.Scale) }

// Most is the greatest doubt.
func (d Doubt) Most() float64 { return max(d.Strange(), d.Spread) }

// A value counts as far when it lies as far outside of the range of training
// as that is wide; a fifth of the values may.
const (
	farWidths = 1
	farPart   = 0.2
)

// farScale is by how much latency or capacity may lie outside of what training
// saw: a factor that traffic grows by in a year, not one that units differ by.
const farScale = 3

// scaleColumns are what says how large an endpoint is and how loaded, found at
// these positions.
var scaleColumns = []string{scaleLatency: "latency_ref_seconds", scaleCapacity: "capacity_rps", scaleLoad: "load_now"}

const (
	scaleLatency  = iota // seconds
	scaleCapacity        // requests/s
	scaleLoad            // over the capacity
)

// whitener measures how far rows are from those of training.
type whitener struct {
	network *kernel.Network
	limits  *model.Doubt
	y       []float32
}

func newWhitener(n *model.Network) (*whitener, error) {
	if n.Doubt == nil {
		return nil, nil
	}
	network, err := Bare([]model.Layer{n.Doubt.Whiten})
	if err != nil {
		return nil, fmt.Errorf("routing network, whitening: %w", err)
	}
	return &whitener{network: network, limits: n.Doubt}, nil
}

// distances appends the distance of each scaled row.
func (w *whitener) distances(dst []float64, x []float32) []float64 {
	w.y = resize(w.y, len(x)/w.network.In()*w.network.Out())
	w.network.Forward(w.y, x)
	for width := w.network.Out(); len(dst)*width < len(w.y); {
		dst = append(dst, length(w.y[len(dst)*width:][:width]))
	}
	return dst
}

// length is the root mean square of a whitened row. Each value is clipped as
// the inputs are: no single one outweighs all others.
func length(y []float32) float64 {
	sum := 0.0
	for _, v := range y {
		v = min(max(v, -model.Clip), model.Clip)
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(y)))
}

// Distances returns, for rows that are scaled already, their distances. It is
// for whoever sets model.Doubt.Distance.
func Distances(whiten model.Layer, x []float32) ([]float64, error) {
	w, err := newWhitener(&model.Network{Doubt: &model.Doubt{Whiten: whiten}})
	if err != nil {
		return nil, err
	}
	return w.distances(nil, x), nil
}

// Doubt says how little f should be left to the routing network (else, of how
// its frame looks only, to the failure network). Unknown values do not count.
// Errors: ErrSchema, ErrNotFinite.
func (p *Predictor) Doubt(f *features.Frame) (Doubt, error) {
	d, _, err := p.strange(f)
	if err != nil || p.routing == nil || len(p.routing.members) == 0 || p.model.Routing.Doubt == nil {
		return d, err
	}
	limits := p.model.Routing.Doubt.Spread
	if len(limits) == 0 {
		return d, nil
	}
	p.spreads = resize(p.spreads, len(f.Endpoints))
	if err := p.Disagreement(p.spreads, f); err != nil {
		return d, err
	}
	p.measures = p.measures[:0]
	for _, s := range p.spreads {
		if s.Cost == s.Cost {
			p.measures = append(p.measures, s.Cost)
		}
	}
	d.Spread = OfMost(p.measures) / limits.Of(len(p.measures))
	return d, nil
}

// odd is the value of a frame that lies furthest outside of its range.
type odd struct {
	beyond      float64
	row, column int
	far, known  int // values
}

// strange is the doubt about the frame itself, without asking the networks.
func (p *Predictor) strange(f *features.Frame) (Doubt, odd, error) {
	in := p.routing
	if in == nil {
		in = p.failure
	}
	if err := p.fits(f); err != nil {
		return Doubt{}, odd{}, err
	}
	x, err := in.scaled(f) // refuses infinities
	if err != nil {
		return Doubt{}, odd{}, err
	}
	o := in.oddest(f)
	d := Doubt{}
	if o.far > 0 {
		d.Far = float64(o.far) / (farPart * float64(o.known))
	}
	if in != p.routing || p.whitener == nil {
		return d, o, nil
	}
	p.measures = p.whitener.distances(p.measures[:0], x)
	d.Distance = OfMost(p.measures) / p.whitener.limits.Distance.Of(len(p.measures))
	d.Scale, err = p.scale(f)
	return d, o, err
}

// oddest looks at each value for itself.
func (in *inputs) oddest(f *features.Frame) (o odd) {
	for i := range f.Endpoints {
		row := f.Row(i)
		for j, column := range in.columns.at {
			v := row[column]
			if v == v {
				o.known++
			}
			beyond := in.scaler.Beyond(j, v)
			if beyond > farWidths {
				o.far++
			}
			if beyond > o.beyond {
				o.beyond, o.row, o.column = beyond, i, j
			}
		}
	}
	return o
}

// scale says how far outside of training the endpoints' latencies and
// capacities are.
func (p *Predictor) scale(f *features.Frame) (float64, error) {
	at, err := p.scales.find(f)
	if err != nil {
		return 0, err
	}
	limits, outside := p.whitener.limits, 0.0
	for k, span := range [...]model.Span{scaleLatency: limits.Latency, scaleCapacity: limits.Capacity} {
		p.measures = p.measures[:0]
		for i := range f.Endpoints {
			if v := float64(f.Row(i)[at[k]]); v > 0 {
				p.measures = append(p.measures, v)
			}
		}
		outside = max(outside, beyondSpan(span, OfMost(p.measures)))
	}
	return outside / math.Log(farScale), nil
}

// beyondSpan is ln of the factor by which x lies outside of s; 0 where either is
// unknown.
func beyondSpan(s model.Span, x float64) float64 {
	if !(x > 0) || s == (model.Span{}) {
		return 0
	}
	return max(math.Log(s.Low/x), math.Log(x/s.High), 0)
}

// OfMost is what more than half of the values reach; it sorts them. 0 of none.
func OfMost(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// unfamiliar says of what d is doubtful.
func (p *Predictor) unfamiliar(f *features.Frame, d Doubt, o odd) error {
	in := p.routing
	if in == nil {
		in = p.failure
	}
	switch d.Strange() {
	case d.Far:
		return fmt.Errorf("%w: %d of %d values of %s lie far outside; worst, %s of %s is %v where training saw %v to %v",
			ErrUnfamiliar, o.far, o.known, f.Service, in.columns.want[o.column], f.Endpoints[o.row].Name,
			f.Row(o.row)[in.columns.at[o.column]], in.scaler.Low[o.column], in.scaler.High[o.column])
	case d.Scale:
		s := p.whitener.limits
		return fmt.Errorf("%w: the latencies or the capacities of most endpoints of %s lie more than a factor of %d outside of training (%.3g to %.3g s, %.3g to %.3g rps); are the units right?",
			ErrUnfamiliar, f.Service, farScale, s.Latency.Low, s.Latency.High, s.Capacity.Low, s.Capacity.High)
	}
	return fmt.Errorf("%w: most endpoints of %s are %.2g times as far from training as its rows were", ErrUnfamiliar, f.Service, d.Distance)
}
