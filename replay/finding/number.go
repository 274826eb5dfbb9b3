package finding

import (
	"math"
	"strconv"
)

// Number is a float64 that JSON writes as null when it is unknown.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	x, err := strconv.ParseFloat(string(text), 64)
	*n = Number(x)
	return err
}

// Estimate is a number with its interval, and how it differs from the
// reference row's; the reference itself has no Change.
type Estimate struct {
	Value  Number  `json:"value"`
	Low    Number  `json:"low"`
	High   Number  `json:"high"`
	Change *Change `json:"change,omitempty"`
}

// Change is the difference from the reference row, paired by what both were
// tried on: a block of time, or a seed.
type Change struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
	// Relative: Value, Low and High are parts of the reference, 0.1 for a tenth
	// more, and not in the unit of the estimate.
	Relative bool `json:"relative,omitempty"`
	// P is the chance of a difference as large where there is none, corrected
	// for how many were looked at; nil where the interval alone decides.
	P           *Number `json:"p,omitempty"`
	Significant bool    `json:"significant"`
}

// relative is a change as parts of the reference; NaN where the reference is
// 0 and the change is not.
func (e *Estimate) relative() (value, low, high float64) {
	c := e.Change
	value, low, high = float64(c.Value), float64(c.Low), float64(c.High)
	if c.Relative {
		return value, low, high
	}
	reference := e.reference()
	if reference == 0 && value == 0 && low == 0 && high == 0 {
		return 0, 0, 0
	}
	if reference == 0 {
		return nan, nan, nan
	}
	return value / reference, low / reference, high / reference
}

// reference is the value that the estimate is compared with.
func (e *Estimate) reference() float64 {
	if e.Change.Relative {
		return float64(e.Value) / (1 + float64(e.Change.Value))
	}
	return float64(e.Value - e.Change.Value)
}

var nan = math.NaN()
