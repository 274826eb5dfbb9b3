package train

import (
	"encoding/json"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

// Number is a float that JSON writes as null when it is not one.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Report says what came of a training. It marshals to JSON, and WriteText
// writes it for people.
type Report struct {
	Network  model.Kind `json:"network"`
	Seed     uint64     `json:"seed"`
	Parts    []Part     `json:"parts"`
	Services []Service  `json:"services"`
	// Constant and Absent are the columns that said nothing in training: one
	// value only, or none at all.
	Constant []string       `json:"constant_columns"`
	Absent   []string       `json:"absent_columns"`
	Routing  *RoutingReport `json:"routing"` // nil when there was nothing to choose
	Failure  *FailureReport `json:"failure"`
	Search   *Search        `json:"search,omitempty"`
	Diverged []string       `json:"diverged,omitempty"` // trainings that ran away, and where
	Notes    []string       `json:"notes"`
}

// Part says how one recording was split.
type Part struct {
	Recording       string    `json:"recording"`
	Start           time.Time `json:"start"`
	TrainEnd        time.Time `json:"train_end"`
	ValidationStart time.Time `json:"validation_start"`
	ValidationEnd   time.Time `json:"validation_end"`
	TestStart       time.Time `json:"test_start"`
	End             time.Time `json:"end"`
	Train           int       `json:"train_decisions"`
	Validation      int       `json:"validation_decisions"`
	Test            int       `json:"test_decisions"`
	// Whole is the part that all of the recording is, if it was not cut.
	Whole datasets.Part `json:"whole,omitempty"`
}

// short reports whether there was too little of a recording to cut it.
func (p *Part) short() bool {
	return p.Whole == datasets.None && (p.Train == 0 || p.Validation == 0 || p.Test == 0)
}

// RoutingReport is about the routing network.
type RoutingReport struct {
	Inputs     []string  `json:"inputs"`
	Rows       [2]int    `json:"rows"` // train, validation: endpoints' outcomes, or decisions
	Course     Course    `json:"course"`
	Kept       bool      `json:"kept"`                // the trained network, not the untrained one
	Members    []Member  `json:"members,omitempty"`   // of the ensemble, beside the first
	Together   Number    `json:"together_validation"` // loss of the mean of all members
	Validation Judgement `json:"validation"`
	Test       Judgement `json:"test"`
	// How risk falls where the network answers only what it doubts least. The
	// gate was set on the validation part.
	ValidationCoverage *Coverage `json:"validation_coverage"`
	TestCoverage       *Coverage `json:"test_coverage"`
}

// FailureReport is about the failure forecast.
type FailureReport struct {
	Limits     []Limit         `json:"limits"`
	Bins       []time.Duration `json:"bins_ns"`
	Onsets     [3]int          `json:"onsets"` // train, validation, test
	Rows       [3]int          `json:"rows"`
	Before     [3]int          `json:"rows_before_failure"`
	Courses    FailureCourses  `json:"courses"`
	BaseRate   Number          `json:"base_rate"` // of train and validation
	Calibrated bool            `json:"calibrated"`
	// ForecastScores are of the one that is shipped, Other of the one that is
	// not, which is Rival.
	ForecastScores
	Other ForecastScores `json:"other"`
	Rival *model.Hazard  `json:"-"`
	// Reliability is of the test part too.
	Reliability []Reliable `json:"reliability,omitempty"`
	Shipped     bool       `json:"shipped"`
}

// ForecastScores are of the test part, calibrated; NaN without decisions or
// failures there.
type ForecastScores struct {
	Brier     Number `json:"brier"`
	BrierBase Number `json:"brier_of_base_rate"`
	Skill     Number `json:"brier_skill"`
	AUROC     Number `json:"auroc"`
	// ECE is how far forecasts from 5 % on are off what came, on average over
	// groups of like ones; Covered the part of the likely failures that came
	// between the 10 and the 90 % quantile of the time that was told.
	ECE     Number `json:"calibration_error"`
	Covered Number `json:"time_covered"`
}

// Limit is beyond what an endpoint of a service counts as failing.
type Limit struct {
	Service    string `json:"service"`
	Latency    Number `json:"tail_latency_seconds"` // +Inf: no latency known
	ErrorRatio Number `json:"error_ratio"`
	Configured bool   `json:"configured"` // else the latency comes from the training part
}

// FailureCourses are the trainings of the network and of its ablation.
type FailureCourses struct {
	Network  Course `json:"network"`
	Logistic Course `json:"logistic"`
	Shipped  string `json:"shipped"`
}

// least is the validation loss of the epoch that was kept.
func (c *Course) least() float64 {
	if len(c.Epochs) == 0 {
		return math.Inf(1)
	}
	return float64(c.Epochs[c.Best].Validation)
}
