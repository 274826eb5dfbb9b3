package model

import "math"

// Clip bounds a scaled input: what lies further out says no more.
const Clip = 8

// Scaler brings columns to a common scale. All its slices have one entry per
// column, in the units of the column.
type Scaler struct {
	Center []float32 `json:"center"`
	Scale  []float32 `json:"scale"`  // positive
	Impute []float32 `json:"impute"` // stands for an unknown value, before scaling
	// Low and High bound what was seen in training, from the 0.1 % to the
	// 99.9 % quantile.
	Low  []float32 `json:"low"`
	High []float32 `json:"high"`
}

// Apply writes row, scaled, to dst; both have one value per column and may be
// the same slice. Training and serving both scale with it, so that they agree
// to the bit. Infinities end at ±Clip: who wants them refused looks before.
func (s *Scaler) Apply(dst, row []float32) {
	for i, x := range row {
		if x != x {
			x = s.Impute[i]
		}
		dst[i] = min(max((x-s.Center[i])/s.Scale[i], -Clip), Clip)
	}
}

// Beyond returns how far x lies outside of what column was trained on, in
// multiples of the width of that range; 0 inside of it or when x is unknown.
// A column that hardly varied in training counts as one Scale wide.
func (s *Scaler) Beyond(column int, x float32) float64 {
	low, high := float64(s.Low[column]), float64(s.High[column])
	width := math.Max(high-low, float64(s.Scale[column]))
	v := float64(x)
	switch {
	case v < low:
		return (low - v) / width
	case v > high:
		return (v - high) / width
	}
	return 0
}
