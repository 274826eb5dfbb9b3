package model

import (
	"errors"
	"fmt"
	"math"
)

// Doubt is what the gate of a routing network holds a frame against, so that
// the network is not asked about what it cannot know.
type Doubt struct {
	// Whiten maps a scaled row to values that were uncorrelated and of
	// variance 1 in the training part: their root mean square is the distance
	// of the row, after Mahalanobis. It sees what no single column shows:
	// values that are usual each for itself, and never came together.
	Whiten Layer `json:"whiten"`
	// Distance is from where on most endpoints of a frame are too far away.
	Distance Limits `json:"distance"`
	// Latency, in seconds, and Capacity, in requests/s, span what most endpoints
	// of a frame reached in training, from the 1 % to the 99 % quantile. The
	// inputs of a network are relative, so that they do not show another order
	// of magnitude.
	Latency  Span `json:"latency_seconds"`
	Capacity Span `json:"capacity_rps"`
	// Spread is from where on the members are too far apart about most endpoints
	// of a frame: in ln of the cost of a request, the standard deviation over
	// them. Empty is no limit.
	Spread Limits `json:"spread,omitempty"`
}

// Limits are of what most endpoints of a frame reach, by their number: the first
// for one endpoint, the last for as many or more. What most of many reach varies
// less than what one does.
type Limits []float64

// Of returns the limit for n endpoints, +Inf where there is none.
func (l Limits) Of(n int) float64 {
	if len(l) == 0 {
		return math.Inf(1)
	}
	return l[min(max(n, 1), len(l))-1]
}

func (l Limits) validate() error {
	for _, v := range l {
		if !(v > 0) || !finite(v) {
			return fmt.Errorf("limits are %v; want more than 0", []float64(l))
		}
	}
	return nil
}

// last is that of many endpoints.
func (l Limits) last() float64 { return l.Of(len(l)) }

// Span is from Low to High, both above 0. The zero value is not known.
type Span struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// String says it to people.
func (d *Doubt) String() string {
	text := fmt.Sprintf("declines at a distance above %.3g", d.Distance.last())
	if len(d.Spread) > 0 {
		text += fmt.Sprintf(" or costs %.2g %% apart", 100*d.Spread.last())
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
	if d.Whiten.ReLU || len(d.Distance) == 0 {
		return fmt.Errorf("whiten has a ReLU (%v), or there are no limits of the distance (%d)", d.Whiten.ReLU, len(d.Distance))
	}
	return errors.Join(d.Distance.validate(), d.Spread.validate())
}
