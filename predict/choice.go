package predict

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
)

// softmax is the network with one logit per endpoint.
func (p *Predictor) softmax(dst []Prediction, f *features.Frame) error {
	if err := p.fits(f); err != nil {
		return err
	}
	x, err := p.routing.scaled(f)
	if err != nil {
		return err
	}
	logits, err := p.routing.run(x)
	if err != nil {
		return err
	}
	for i := range dst {
		dst[i] = nothing
		dst[i].Preference = float64(logits[i])
	}
	preferences(dst)
	return nil
}

// fixed is the network over five routes at once. A route without an endpoint
// in the frame enters as zeros and is left out of the softmax; an endpoint
// that is none of the routes has no preference.
func (p *Predictor) fixed(dst []Prediction, f *features.Frame) error {
	if err := p.fits(f); err != nil {
		return err
	}
	rows, err := p.routing.scaled(f)
	if err != nil {
		return err
	}
	n := len(p.routing.columns.want)
	clear(p.joined)
	present := 0
	for slot, route := range p.model.Routing.Routes {
		i := -1
		if route != "" {
			i = f.Find(route)
		}
		p.slots[slot] = i
		if i >= 0 {
			copy(p.joined[slot*n:], rows[i*n:(i+1)*n])
			present++
		}
	}
	for i := range dst {
		dst[i] = nothing
	}
	if present == 0 {
		return fmt.Errorf("%w: %s has none of the routes %q", ErrUnfamiliar, f.Service, p.model.Routing.Routes)
	}
	logits, err := p.routing.run(p.joined)
	if err != nil {
		return err
	}
	for slot, i := range p.slots {
		if i >= 0 {
			dst[i].Preference = float64(logits[slot])
		}
	}
	preferences(dst)
	return nil
}

// preferences replaces logits by their softmax; NaN is left out and stays.
// The highest logit is subtracted, so that nothing overflows.
func preferences(dst []Prediction) {
	highest, sum := math.Inf(-1), 0.0
	for i := range dst {
		if l := dst[i].Preference; l > highest {
			highest = l
		}
	}
	for i := range dst {
		if l := dst[i].Preference; l == l {
			dst[i].Preference = math.Exp(l - highest)
			sum += dst[i].Preference
		}
	}
	for i := range dst {
		dst[i].Preference /= sum
	}
}
