package predict

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Adaptive keeps the interval of a forecast's time honest while the world
// changes (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution
// Shift", NeurIPS 2021): each failure that came moves the levels of the 10, 50
// and 90 % quantile, up when it came after one, down when it came before, so
// that in the long run as many come before each as should, whatever the model
// does. It promises nothing of a single endpoint. It is for one goroutine.
//
// Only matured labels may be fed: a failure that came within the horizon of a
// forecast whose time was told, once. One that did not come says nothing of when
// it would have.
type Adaptive struct{ levels [3]float64 }

// timeQuantiles are what the three levels stand for; pace is how fast levels
// move.
var timeQuantiles = [3]float64{0.1, 0.5, 0.9}

const pace = 0.01

// NewAdaptive begins with the levels that training found.
func NewAdaptive(levels [3]float64) *Adaptive { return &Adaptive{levels} }

// Levels are what Predictor.UseLevels takes.
func (a *Adaptive) Levels() [3]float64 { return a.levels }

// Observe takes in that a failure came so many seconds after a decision that had
// told its time. What no time was told of is ignored.
func (a *Adaptive) Observe(told [3]float64, after float64) {
	for k, at := range told {
		if math.IsNaN(at) || math.IsNaN(after) {
			return
		}
		came := 0.0 // before the quantile
		if after <= at {
			came = 1
		}
		a.levels[k] = min(max(a.levels[k]+pace*(timeQuantiles[k]-came), 0), 1)
	}
	slices.Sort(a.levels[:])
}

// MarshalBinary saves the levels.
func (a *Adaptive) MarshalBinary() ([]byte, error) {
	return binary.Append(nil, binary.LittleEndian, a.levels)
}

// UnmarshalBinary restores what MarshalBinary saved. Anything else is refused,
// and the levels stay as they were.
func (a *Adaptive) UnmarshalBinary(saved []byte) error {
	var levels [3]float64
	if n, err := binary.Decode(saved, binary.LittleEndian, &levels); err != nil || n != len(saved) {
		return fmt.Errorf("predict: %d bytes are no saved levels; want %d", len(saved), binary.Size(levels))
	}
	if !(levels[0] >= 0 && levels[2] <= 1 && levels[0] <= levels[1] && levels[1] <= levels[2]) {
		return fmt.Errorf("predict: saved levels %v do not rise within 0 and 1", levels)
	}
	a.levels = levels
	return nil
}

// TimeLevels are what the quantiles of the time are of now: the model's, or what
// UseLevels last said.
func (p *Predictor) TimeLevels() [3]float64 { return p.levels }

// UseLevels makes the quantiles of the time those of other levels than the
// model's, such as Adaptive.Levels.
func (p *Predictor) UseLevels(levels [3]float64) { p.levels = levels }
