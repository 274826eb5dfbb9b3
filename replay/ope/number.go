package ope

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

// Change is the difference from the reference row, paired by block. It is
// significant when its interval does not hold zero.
type Change struct {
	Value       Number `json:"value"`
	Low         Number `json:"low"`
	High        Number `json:"high"`
	Significant bool   `json:"significant"`
}
