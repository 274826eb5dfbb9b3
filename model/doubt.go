package model

import (
	"errors"
	"fmt"
)

// Doubt is what the gate of a routing network holds a frame against, so that
// the network is not asked about what it cannot know.
type Doubt struct {
	// Whiten maps a scaled row to values that were uncorrelated and of
	// variance 1 in the training part: their root mean square is the distance
	// of the row, after Mahalanobis. It sees what no single column shows:
	// values that are usual each for itself, and never came together.
	Whiten Layer `json:"whiten"`
	// Distance is what 99.9 % of the validation part's rows stay below.
	Distance float64 `json:"distance"`
	// Latency, in seconds, and Capacity, in requests/s, span what answers were
	// relative to in training. The inputs of a network are relative too, so
	// that they do not show another order of magnitude.
	Latency  Span `json:"latency_seconds"`
	Capacity Span `json:"capacity_rps"`
	// Spread is from where on the members are too far apart: in ln of the cost
	// of a request, the standard deviation over them. 0 is no limit.
	Spread float64 `json:"spread,omitempty"`
}

// Span is from Low to High, both above 0. The zero value is not known.
type Span struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// String says it to people.
func (d *Doubt) String() string {
	text := fmt.Sprintf("declines at a distance above %.3g", d.Distance)
	if d.Spread > 0 {
		text += fmt.Sprintf(" or costs %.2g %% apart", 100*d.Spread)
	}
	if d.Latency != (Span{}) {
		text += fmt.Sprintf("; trained on %.3g to %.3g s", d.Latency.Low, d.Latency.High)
	}
	if d.Capacity != (Span{}) {
		text += fmt.Sprintf(", %.3g to %.3g rps", d.Capacity.Low, d.Capacity.High)
	}
	return text
}

func (d *Doubt) validate(n *Network) error {
	if err := d.Whiten.validate(len(n.Columns)); err != nil {
		return fmt.Errorf("whiten: %w", err)
	}
	for _, s := range []Span{d.Latency, d.Capacity} {
		if s != (Span{}) && !(s.Low > 0 && s.Low <= s.High && finite(s.High)) {
			return fmt.Errorf("a span is %v to %v; want 0 < low ≤ high", s.Low, s.High)
		}
	}
	switch {
	case d.Whiten.ReLU:
		return errors.New("whiten: it has a ReLU")
	case !(d.Distance > 0) || !finite(d.Distance):
		return fmt.Errorf("distance is %v; want more than 0", d.Distance)
	case !(d.Spread >= 0) || !finite(d.Spread):
		return fmt.Errorf("spread is %v; want at least 0", d.Spread)
	}
	return nil
}
