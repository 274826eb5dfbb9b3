package predict

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/features"
)

// Gate remembers for one service whether it is left to the rules, so that
// decisions do not flap between them and the model. The zero value is open. It
// advances once per window and may be saved as JSON.
type Gate struct {
	End    time.Time `json:"end"`    // of the last window that was taken in
	Warned bool      `json:"warned"` // that window was doubtful
	Shut   bool      `json:"shut"`
	// Disagree says why it is shut: the members, else the frame.
	Disagree bool `json:"disagree,omitempty"`
	Calm     int  `json:"calm,omitempty"` // windows in a row without doubt, while shut
}

// It shuts at once on great doubt and on the second doubtful window in a row:
// one in a thousand is doubtful in the best of times. It opens after some
// windows that are clearly below the limit.
const (
	greatDoubt  = 2
	littleDoubt = 0.9
	calmWindows = 3
)

// advance takes in the next window's doubt.
func (g *Gate) advance(end time.Time, d Doubt) {
	if !end.After(g.End) {
		return
	}
	most := d.Most()
	switch {
	case most > greatDoubt, most > 1 && (g.Warned || g.Shut):
		g.Shut, g.Disagree, g.Calm = true, d.Spread > d.Strange(), 0
	case g.Shut && most <= littleDoubt:
		if g.Calm++; g.Calm >= calmWindows {
			g.Shut, g.Calm = false, 0
		}
	default:
		g.Calm = 0
	}
	g.End, g.Warned = end, most > 1
}

// Trust takes the window of f into g, the gate of f's service, and returns
// ErrUnfamiliar or ErrDisagree while that is shut. Asking again about the same
// window changes nothing. Other errors, which leave g as it is: ErrSchema,
// ErrNotFinite.
func (p *Predictor) Trust(g *Gate, f *features.Frame) error {
	d, err := p.Doubt(f)
	if err != nil {
		return err
	}
	g.advance(f.End, d)
	switch {
	case !g.Shut:
		return nil
	case d.Most() <= 1:
		reason := ErrUnfamiliar
		if g.Disagree {
			reason = ErrDisagree
		}
		return fmt.Errorf("%w: %s was so lately; %d of %d calm windows have passed", reason, f.Service, g.Calm, calmWindows)
	case g.Disagree:
		return fmt.Errorf("%w: about most endpoints of %s they are %.2g times as far apart as they may be", ErrDisagree, f.Service, d.Spread)
	}
	_, o, err := p.strange(f)
	if err != nil {
		return err
	}
	return p.unfamiliar(f, d, o)
}
