package foresight

import (
	"math"

	"github.com/fairway-mesh/fairway/datasets"
)

// Scores are told apart by their logit, in cells from 0.0003 to 0.9997; every
// second edge is a threshold that may be chosen.
const (
	cells      = 256
	farthest   = 8.0
	thresholds = cells / 2
)

// cell is where a score lies; an unknown one lies lowest.
func cell(score float64) int {
	if !(score > 0) {
		return 0
	}
	at := (math.Log(score/(1-score)) + farthest) / (2 * farthest) * cells
	return int(min(max(at, 0), cells-1))
}

// choices are the thresholds that may be chosen.
var choices = func() (list [thresholds]float64) {
	for j := range list {
		list[j] = 1 / (1 + math.Exp(farthest-2*farthest*float64(j)/thresholds))
	}
	return list
}()

// calibration is what the calibration recordings say of one forecaster.
type calibration struct {
	n, failed    [cells]float64
	right, wrong [thresholds]float64 // alarms
	caught       map[string]*[thresholds]float64
	incidents    map[string]float64 // by class
}

func newCalibration() *calibration {
	return &calibration{caught: map[string]*[thresholds]float64{}, incidents: map[string]float64{}}
}

func (c *calibration) add(o *calibration) {
	for i := range c.n {
		c.n[i] += o.n[i]
		c.failed[i] += o.failed[i]
	}
	for j := range c.right {
		c.right[j] += o.right[j]
		c.wrong[j] += o.wrong[j]
	}
	for class, n := range o.incidents {
		c.incidents[class] += n
		for j, caught := range o.caught[class] {
			c.catch(class)[j] += caught
		}
	}
}

func (c *calibration) catch(class string) *[thresholds]float64 {
	if c.caught[class] == nil {
		c.caught[class] = &[thresholds]float64{}
	}
	return c.caught[class]
}

// target are the classes whose recall a threshold is chosen by: ramps where
// there are any, else all. Nobody foretells a crash without a sign of it.
func (c *calibration) target() []string {
	if c.incidents[datasets.Ramp] > 0 {
		return []string{datasets.Ramp}
	}
	var all []string
	for class := range c.incidents {
		all = append(all, class)
	}
	return all
}

// chosen is a threshold and what it did in calibration.
type chosen struct {
	Threshold, Recall, Precision float64
	Held                         bool // the precision that was asked for
}

// choose takes the threshold that announces most incidents among those whose
// alarms are surely as precise as asked for; of equal ones the more precise.
// Where none is, it takes the one with the best F1.
func (c *calibration) choose(precision float64) chosen {
	incidents := 0.0
	for _, class := range c.target() {
		incidents += c.incidents[class]
	}
	best, bestF1 := chosen{Threshold: 2}, -1.0 // 2: never an alarm
	for j := range thresholds {
		alarms := c.right[j] + c.wrong[j]
		if alarms == 0 || incidents == 0 {
			continue
		}
		one := chosen{Threshold: choices[j], Precision: c.right[j] / alarms}
		for _, class := range c.target() {
			one.Recall += c.catch(class)[j] / incidents
		}
		one.Held = surely(c.right[j], alarms) >= precision && one.Recall > 0
		f1 := 0.0
		if one.Recall > 0 {
			f1 = 2 / (1/one.Recall + 1/one.Precision)
		}
		switch {
		case one.Held && !best.Held,
			one.Held && (one.Recall > best.Recall || one.Recall == best.Recall && one.Precision > best.Precision),
			!one.Held && !best.Held && f1 > bestF1:
			best, bestF1 = one, f1
		}
	}
	return best
}

// surely is the lower end of the 90 % score interval of a frequency (Wilson,
// 1927): a threshold whose precision just reached what was asked for in
// calibration would miss it in every other test.
func surely(right, alarms float64) float64 {
	const z = 1.6449
	y := right / alarms
	middle := y + z*z/(2*alarms)
	return (middle - z*math.Sqrt(y*(1-y)/alarms+z*z/(4*alarms*alarms))) / (1 + z*z/alarms)
}

// mapping gives each cell of scores the frequency of failures that it had:
// isotonic regression, smoothed by one decision at the base rate.
func (c *calibration) mapping() *[cells]float64 {
	type pool struct {
		n, failed float64
		cells     int
	}
	var all, failed float64
	for i := range c.n {
		all, failed = all+c.n[i], failed+c.failed[i]
	}
	base := 0.0
	if all > 0 {
		base = failed / all
	}
	var pools []pool
	for i := range c.n {
		pools = append(pools, pool{c.n[i], c.failed[i], 1})
		for k := len(pools) - 1; k > 0; k-- {
			a, b := pools[k-1], pools[k]
			if a.n > 0 && b.n > 0 && a.failed*b.n < b.failed*a.n {
				break
			}
			pools = append(pools[:k-1], pool{a.n + b.n, a.failed + b.failed, a.cells + b.cells})
		}
	}
	out, at, last := &[cells]float64{}, 0, 0.0
	for _, p := range pools {
		last = max(last, (p.failed+base)/(p.n+1)) // smoothing must not turn the order round
		for range p.cells {
			out[at] = last
			at++
		}
	}
	return out
}
