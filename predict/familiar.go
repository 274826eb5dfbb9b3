package predict

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
)

// A value counts as far when it lies as far outside of the range of training
// as that is wide, and a frame is unfamiliar when a fifth of its values are
// far. One endpoint of several that behaves as none did before does not make
// the frame so: that is when a model is needed.
const (
	farWidths = 1
	farPart   = 0.2
)

// Familiar returns ErrUnfamiliar, naming the column that is worst, when f is
// far from what the routing network (else the failure network) was trained
// on. Unknown values do not count. Other errors: ErrSchema, ErrNotFinite.
func (p *Predictor) Familiar(f *features.Frame) error {
	in := p.routing
	if in == nil {
		in = p.failure
	}
	if err := p.fits(f); err != nil {
		return err
	}
	at, err := in.columns.find(f)
	if err != nil {
		return err
	}
	known, far, worst, worstRow, worstColumn := 0, 0, 0.0, 0, 0
	for i := range f.Endpoints {
		row := f.Row(i)
		for j, column := range at {
			v := row[column]
			if math.IsInf(float64(v), 0) {
				return fmt.Errorf("%w: %s of %s/%s is %v", ErrNotFinite, in.columns.want[j], f.Service, f.Endpoints[i].Name, v)
			}
			if v == v {
				known++
			}
			beyond := in.scaler.Beyond(j, v)
			if beyond > farWidths {
				far++
			}
			if beyond > worst {
				worst, worstRow, worstColumn = beyond, i, j
			}
		}
	}
	if float64(far) <= farPart*float64(known) {
		return nil
	}
	return fmt.Errorf("%w: %d of %d values of %s lie far outside; worst, %s of %s is %v where training saw %v to %v",
		ErrUnfamiliar, far, known, f.Service, in.columns.want[worstColumn], f.Endpoints[worstRow].Name,
		f.Row(worstRow)[at[worstColumn]], in.scaler.Low[worstColumn], in.scaler.High[worstColumn])
}
