package foresight

import "time"

// calibrating tallies one source for calibration, for every forecaster and at
// every threshold.
type calibrating struct {
	cfg    *Config
	of     []*calibration
	quiet  map[[2]string][]time.Time   // by endpoint: until when, forecasters × thresholds
	caught map[int][]*[thresholds]bool // by incident and forecaster
}

func newCalibrating(cfg *Config, entries int) *calibrating {
	c := &calibrating{cfg: cfg, quiet: map[[2]string][]time.Time{}, caught: map[int][]*[thresholds]bool{}}
	for range entries {
		c.of = append(c.of, newCalibration())
	}
	return c
}

// row takes in one decision. Alarms at a threshold are told apart from those at
// another, since each is followed by a silence of its own.
func (c *calibrating) row(w *walk, r *row) {
	if !r.fate.Watched {
		return
	}
	key := [2]string{r.service, r.endpoint}
	quiet := c.quiet[key]
	if quiet == nil {
		quiet = make([]time.Time, len(c.of)*thresholds)
		c.quiet[key] = quiet
	}
	if r.fate.Failed && c.caught[r.fate.Incident] == nil {
		for range c.of {
			c.caught[r.fate.Incident] = append(c.caught[r.fate.Incident], &[thresholds]bool{})
		}
	}
	counts, early := w.known(r) && !r.acted, w.lead(r) > 0
	for k, one := range c.of {
		score := r.of(k).Score
		if counts {
			at := cell(score)
			one.n[at] += r.weight
			if r.fate.Failed {
				one.failed[at] += r.weight
			}
		}
		for j := range choices {
			if !(score >= choices[j]) {
				break
			}
			until := &quiet[k*thresholds+j]
			if r.at.Before(*until) {
				continue
			}
			*until = r.at.Add(w.horizons(c.cfg.Refractory))
			switch {
			case r.fate.Failed:
				one.right[j] += r.weight
				c.caught[r.fate.Incident][k][j] = c.caught[r.fate.Incident][k][j] || early
			case counts:
				one.wrong[j] += r.weight
			}
		}
	}
}

// finish counts the incidents by class.
func (c *calibrating) finish(w *walk) []*calibration {
	incidents := w.incidents()
	for i, caught := range c.caught {
		class := incidents[i].Class(w.faults)
		for k, one := range c.of {
			one.incidents[class]++
			all := one.catch(class)
			for j := range caught[k] {
				if caught[k][j] {
					all[j]++
				}
			}
		}
	}
	return c.of
}
