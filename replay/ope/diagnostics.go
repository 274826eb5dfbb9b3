package ope

import (
	"fmt"
	"math"
	"strings"
)

// Diagnostics say how far a log can be believed about a policy. They are of
// the whole weights, before any clipping: that makes a small sample look large
// and a lacking one whole.
type Diagnostics struct {
	Rows        int `json:"rows"`               // with a propensity
	Unknown     int `json:"without_propensity"` // left out
	Unpredicted int `json:"without_prediction"` // with a propensity; left out by the estimators that use a model
	// SampleSize is Kish's effective number of rows, (Σw)²/Σw².
	SampleSize Number `json:"effective_sample_size"`
	// MeanWeight should be 1: it is less where the log could not have taken what
	// the policy would, and anything where propensities are wrong. Its standard
	// error takes the rows of a block to be alike.
	MeanWeight      Number `json:"mean_weight"`
	MeanWeightError Number `json:"mean_weight_error"`
	MaxWeight       Number `json:"max_weight"`
	Clipped         Number `json:"clipped"`     // part of the rows whose weight was cut for IPS and SNIPS
	Unsupported     Number `json:"unsupported"` // part of the policy's probability on actions that the log could not have taken
	// IPSError is the standard error of IPS if the rows were independent.
	IPSError Number `json:"ips_error"`
	// Refused says why there is no value.
	Refused string `json:"refused,omitempty"`
}

// Diagnostics of the rows so far.
func (s *Sums) Diagnostics() Diagnostics {
	all := s.over(s.Filled())
	n := all.rows
	variance := (s.scored - all.reward*all.reward/n) / (n - 1)
	return Diagnostics{
		Rows: int(n), Unknown: s.unknown, Unpredicted: int(n - all.known),
		SampleSize: Number(s.sampleSize(all.weight)), MeanWeight: Number(over(all.weight, n)), MeanWeightError: Number(s.weightError()),
		MaxWeight: Number(s.most), Clipped: Number(over(s.clipped, n)), Unsupported: Number(over(s.lack, n)),
		IPSError: Number(math.Sqrt(max(0, variance) / n)), Refused: s.refusal(),
	}
}

func (s *Sums) sampleSize(weight float64) float64 {
	if s.squares == 0 {
		return 0
	}
	return weight * weight / s.squares
}

// weightError is the standard error of the mean weight, of a ratio of sums
// over blocks; over rows while there are too few blocks.
func (s *Sums) weightError() float64 {
	filled := s.Filled()
	all := s.over(filled)
	mean := all.weight / all.rows
	if len(filled) < MinBlocks {
		return math.Sqrt(max(0, s.squares/all.rows-mean*mean) / (all.rows - 1))
	}
	sum, blocks := 0.0, float64(len(filled))
	for _, i := range filled {
		d := s.blocks[i].weight - mean*s.blocks[i].rows
		sum += d * d
	}
	return math.Sqrt(sum*blocks/(blocks-1)) / all.rows
}

// farErrors is how many standard errors are far.
const farErrors = 3

// refusal says why the log cannot tell; empty when it can.
func (s *Sums) refusal() string {
	all := s.over(s.Filled())
	if all.rows == 0 {
		return "no propensity is recorded"
	}
	var why []string
	if lack := s.lack / all.rows; lack > s.cfg.MaxUnsupported {
		why = append(why, fmt.Sprintf("%.1f %% of the policy's probability is on what the log never took, more than %g %%", 100*lack, 100*s.cfg.MaxUnsupported))
	}
	mean, deviation := all.weight/all.rows, s.weightError()
	if off := math.Abs(mean - 1); off > s.cfg.MaxMeanError && off > farErrors*deviation {
		why = append(why, fmt.Sprintf("the mean weight is %.2f ± %.2f, not 1", mean, deviation))
	}
	if size := s.sampleSize(all.weight); size < s.cfg.MinSampleSize {
		why = append(why, fmt.Sprintf("the effective sample of %.0f is below %.0f", size, s.cfg.MinSampleSize))
	}
	return strings.Join(why, "; ")
}
