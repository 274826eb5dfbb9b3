package counterfactual

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// ErrNotIdentified is returned, with the reason, when a log cannot tell how
// the endpoints compare. No number is better than one that the log does not
// hold.
var ErrNotIdentified = errors.New("not identifiable")

// The bounds of what counts as identified. 10 is the rule of thumb for the
// first stage's F (Staiger and Stock, Econometrica 1997).
const (
	minFirstStageF = 10
	maxCondition   = 1e6
	maxError       = 0.5 // standard error of a log slowness: a factor of 1.6
)

// The two ways to compare endpoints.
const (
	WithinClusters   = "choices"    // jobs of one stretch of time; the choice is blind to the job's own work
	AcrossAssignment = "assignment" // stretches of time with different shares; which share rules when is random
)

// Diagnosis says how well a log tells the endpoints apart.
type Diagnosis struct {
	Mode     string // WithinClusters or AcrossAssignment
	Clusters int
	Groups   int
	// Condition is that of the moments: the ratio of the best to the worst
	// told contrast between endpoints. Infinite when one is not told at all.
	Condition float64
	// FirstStageF is how clearly the instrument moves the shares in the
	// direction that is told worst; below 10 it is weak.
	FirstStageF float64
	// Invariance is the p-value of the test that work is distributed alike
	// under all groups, as it must be when policies are assigned at random and
	// the model holds. NaN where it cannot be tested.
	Invariance float64
}

// MarshalJSON implements json.Marshaler; what is not finite is null.
func (d Diagnosis) MarshalJSON() ([]byte, error) {
	finite := func(x float64) *float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	return json.Marshal(struct {
		Mode        string   `json:"mode"`
		Clusters    int      `json:"clusters"`
		Groups      int      `json:"groups"`
		Condition   *float64 `json:"condition"`
		FirstStageF *float64 `json:"first_stage_f"`
		Invariance  *float64 `json:"invariance_p"`
	}{d.Mode, d.Clusters, d.Groups, finite(d.Condition), finite(d.FirstStageF), finite(d.Invariance)})
}

// verdict refuses what is told too weakly.
func (d *Diagnosis) verdict() error {
	if d.Condition > maxCondition || !(d.FirstStageF >= minFirstStageF) {
		return fmt.Errorf("%w by %s: condition number %.3g (at most %.0e), first-stage F %.3g (at least %d)",
			ErrNotIdentified, d.Mode, d.Condition, float64(maxCondition), d.FirstStageF, minFirstStageF)
	}
	return nil
}
