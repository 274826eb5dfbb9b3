package replay

import "github.com/fairway-mesh/fairway/replay/finding"

// Number is a float64 that JSON writes as null when it is unknown.
type Number = finding.Number

// Estimate is a number with its interval, and how it differs from the
// reference row's; the reference itself has no Change.
type Estimate = finding.Estimate

// Change is the difference from the reference row.
type Change = finding.Change
