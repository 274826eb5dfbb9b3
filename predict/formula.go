package predict

import (
	"fmt"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// Formula says what a frame says of load without a network: the curves of an
// outcome network that corrects nothing. It serves one goroutine.
type Formula struct{ columns columns }

// NewFormula returns a Formula that has seen no frame.
func NewFormula() *Formula { return &Formula{columns{want: anchorColumns}} }

// plain is what a network that corrects nothing puts out.
var plain [model.OutcomeOutputs]float32

// Curves writes the curves of the endpoints of f; dst has one entry per
// endpoint. One of which too little is known is not Known. Errors: ErrSchema
// where the frame lacks a column.
func (x *Formula) Curves(dst []Curve, f *features.Frame) error {
	if len(dst) != len(f.Endpoints) || len(f.X) != len(f.Endpoints)*len(f.Names) {
		return fmt.Errorf("%w: room for %d curves, %d values for %d endpoints with %d columns", ErrSchema, len(dst), len(f.X), len(f.Endpoints), len(f.Names))
	}
	at, err := x.columns.find(f)
	if err != nil {
		return err
	}
	for i := range dst {
		dst[i] = Curve{}
		if a, known := AnchorsOf(f.Row(i), at); known && a.Finite() {
			dst[i] = Correct(&a, plain[:], model.DefaultBounds())
		}
	}
	return nil
}
