// Package ope values a policy on a log that another policy made: off-policy
// estimators, how sure they are, and when they must not be believed.
//
// A row of the log says what an action brought and with which probability the
// logging policy took it. With the probability that the evaluated policy gives
// to the same action, and a model of the reward where there is one, seven
// estimators say what that policy would have brought. All of them take the
// reward of an action to be the same whoever takes it, and how often: they
// ignore load feedback. docs/estimators.md says which one to read when.
//
// Rewards may be costs; nothing here knows which way is better. There is no
// state between calls, and nothing is read but the arguments.
package ope

import (
	"fmt"
	"math"
	"time"
)

// Estimator is a way to value a policy on another's log. Below, w is the
// importance weight π_e/π_b of a row's action, r its reward, q̂ what the model
// says of it, and v̂ what the model says of the evaluated policy, Σ_a π_e(a) q̂(a).
type Estimator int

const (
	// DM is the direct method, mean(v̂): all model, no weights. It has the
	// model's bias. With the log's own policy, Expected may be q̂ itself.
	DM Estimator = iota
	// IPS is inverse propensity scoring, mean(min(w, Clip) r) (Horvitz and
	// Thompson 1952; clipped: Ionides 2008). Unbiased without the clipping.
	IPS
	// SNIPS is self-normalised: Σ min(w, Clip) r / Σ min(w, Clip) (Swaminathan
	// and Joachims, NeurIPS 2015). It stays between the least and the largest
	// reward.
	SNIPS
	// DR is doubly robust, mean(v̂ + w (r − q̂)) (Dudík, Langford and Li, ICML
	// 2011): unbiased if the propensities are right, whatever the model.
	DR
	// SNDR is DR with a self-normalised correction, mean(v̂) + Σ w (r − q̂) / Σ w
	// (Thomas and Brunskill, ICML 2016, weighted doubly robust).
	SNDR
	// SwitchDR corrects only where w ≤ λ (Wang, Agarwal and Dudík, ICML 2017).
	SwitchDR
	// DRos corrects with λ w / (w² + λ) in place of w: doubly robust with
	// optimistic shrinkage (Su, Dimakopoulou, Krishnamurthy and Dudík, ICML 2020).
	DRos
)

// Estimators are all of them, in order.
var Estimators = []Estimator{DM, IPS, SNIPS, DR, SNDR, SwitchDR, DRos}

var estimatorNames = [...]struct{ text, key string }{
	{"DM", "dm"}, {"IPS", "ips"}, {"SNIPS", "snips"}, {"DR", "dr"}, {"SNDR", "sndr"}, {"Switch-DR", "switch_dr"}, {"DRos", "dros"},
}

// String is the estimator's name as papers write it.
func (e Estimator) String() string {
	if e < 0 || int(e) >= len(estimatorNames) {
		return fmt.Sprintf("estimator %d", int(e))
	}
	return estimatorNames[e].text
}

// MarshalText implements encoding.TextMarshaler: the key of JSON.
func (e Estimator) MarshalText() ([]byte, error) {
	if e < 0 || int(e) >= len(estimatorNames) {
		return nil, fmt.Errorf("ope: there is no %v", e)
	}
	return []byte(estimatorNames[e].key), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *Estimator) UnmarshalText(text []byte) error {
	for i, n := range estimatorNames {
		if n.key == string(text) {
			*e = Estimator(i)
			return nil
		}
	}
	return fmt.Errorf("ope: %q is no estimator", text)
}

// Row is one logged action.
type Row struct {
	// Reward is what the action brought, or cost.
	Reward float64
	// Propensity is the probability with which the logging policy took this
	// action. NaN or 0: not recorded; the row is counted and left out.
	Propensity float64
	// Evaluation is the probability that the evaluated policy gives to it.
	Evaluation float64
	// Predicted is what a model expects of this action, and Expected what it
	// expects of the evaluated policy: Σ_a π_e(a) q̂(a). The model must not have
	// seen this row's reward. NaN: there is none; then the row does not count
	// for the estimators that use one.
	Predicted, Expected float64
	// Unsupported is how much of the evaluated policy's probability lies on
	// actions that the logging policy could not have taken.
	Unsupported float64
	// Time is when the action was taken; zero in a log without time.
	Time time.Time
}

func (r *Row) validate() error {
	within := func(p float64) bool { return p >= 0 && p <= 1+1e-9 }
	switch {
	case math.IsNaN(r.Reward) || math.IsInf(r.Reward, 0):
		return fmt.Errorf("the reward is %v; want a number", r.Reward)
	case r.Propensity > 1 || r.Propensity < 0:
		return fmt.Errorf("the propensity is %v; want a probability above 0, or NaN where none is recorded", r.Propensity)
	case !within(r.Evaluation):
		return fmt.Errorf("the evaluation probability is %v; want one from 0 to 1", r.Evaluation)
	case !within(r.Unsupported):
		return fmt.Errorf("the unsupported probability is %v; want one from 0 to 1", r.Unsupported)
	case math.IsInf(r.Predicted, 0) || math.IsInf(r.Expected, 0):
		return fmt.Errorf("the model says %v and %v; want numbers, or NaN where there are none", r.Predicted, r.Expected)
	}
	return nil
}

// Result is what a log says of one policy. It marshals to JSON, where an
// unknown number is null.
type Result struct {
	Diagnostics
	Blocks    int                    `json:"blocks"`
	Estimates map[Estimator]Estimate `json:"estimators"`
	// Lambda are the thresholds of SwitchDR and DRos; null is infinite: as DR.
	Lambda map[Estimator]Number `json:"lambda,omitempty"`
}

// Evaluate values a policy on a log. When the log cannot tell, all values are
// NaN and Refused says why. Blocks of the intervals are blocks of time where
// every row has one, else of successive rows. The error names the first row
// that cannot be, counted from 0.
func Evaluate(rows []Row, cfg Config) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	for i := range rows {
		if err := rows[i].validate(); err != nil {
			return nil, fmt.Errorf("ope: row %d: %w", i, err)
		}
	}
	blocks, n := cfg.cut(rows)
	sums := NewSums(n, cfg)
	for i := range rows {
		sums.Add(blocks(i), rows[i])
	}
	b := NewBootstrap(sums.Filled(), cfg.Resamples, cfg.Level, cfg.Seed)
	r := &Result{Diagnostics: sums.Diagnostics(), Blocks: len(b.Blocks), Estimates: map[Estimator]Estimate{}, Lambda: map[Estimator]Number{}}
	for _, e := range Estimators {
		r.Estimates[e] = b.Estimate(sums.Sample(b, e))
	}
	if r.Refused == "" {
		for _, e := range []Estimator{SwitchDR, DRos} {
			r.Lambda[e] = Number(sums.Lambda(e))
		}
	}
	return r, nil
}
