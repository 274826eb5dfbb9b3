package replay

import "github.com/fairway-mesh/fairway/replay/ope"

// Number is a float64 that JSON writes as null when it is unknown.
type Number = ope.Number

// Estimate is a number with its interval, and how it differs from the
// reference row's; the reference itself has no Change.
type Estimate = ope.Estimate

// Change is the difference from the reference row.
type Change = ope.Change
