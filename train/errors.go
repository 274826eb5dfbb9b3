package train

import "math"

// Errors says how far the predictions of one part were off, given the load
// that came. A window counts by the requests that came in it, and only where
// every rival foretold something: all are judged by the same.
type Errors struct {
	Windows  int     `json:"windows"`  // endpoints' windows with requests
	Requests Number  `json:"requests"` // in them; windows overlap
	LeftOut  int     `json:"windows_left_out"`
	Block    Number  `json:"block_seconds"`
	Blocks   int     `json:"blocks"`
	Scores   []Score `json:"scores"`
	// Logged says whether single requests were known, of at least one of the
	// recordings.
	Logged     bool         `json:"request_log"`
	Regimes    []Regime     `json:"regimes"`
	Deciles    []Decile     `json:"deciles"`
	Coverage   []Held       `json:"coverage"`
	Importance []Importance `json:"importance,omitempty"` // of validation
}

// Score is one way to judge one quantity, of all rivals; the network first.
type Score struct {
	Of      string  `json:"of"`    // mean, p50, p90, p99, error_ratio, cost
	Score   string  `json:"score"` // mape, log_rmse, pinball, brier, log_loss, absolute
	By      string  `json:"by"`    // windows or requests
	Windows int     `json:"count"` // of what By says
	Rivals  []Rival `json:"rivals"`
}

// Rival is who foretold, how far that was off, and by how much more than the
// network. Latencies' losses are in seconds where they are not ratios.
type Rival struct {
	Name     string    `json:"name"`
	HalfLife Number    `json:"half_life_seconds,omitempty"` // of the moving average
	Loss     Number    `json:"loss"`
	Gain     *Interval `json:"network_gain,omitempty"` // of the loss; nil for the network
}

// find is the named score of windows or requests, or nil.
func (e *Errors) find(of int, by scoring, what string) *Score {
	for i := range e.Scores {
		if s := &e.Scores[i]; s.Of == quantityNames[of] && s.Score == scoringNames[by] && s.By == what {
			return s
		}
	}
	return nil
}

// Held says how often what came was at most the foretold quantile. Of
// requests that should be the quantile's level; of windows, whose own quantile
// is compared, about half.
type Held struct {
	Of     string    `json:"of"`
	By     string    `json:"by"`
	Level  Number    `json:"level"`
	Rivals []Covered `json:"rivals"`
}

// Covered is the share of one rival.
type Covered struct {
	Name  string   `json:"name"`
	Share Interval `json:"share"`
}

// scored sums the losses of some scores.
type scored struct {
	scores []score
	tally  *tally
}

// Of each score: the rivals' losses times their weight, the weight, the count.
const lossWidth = rivals + 2

func newScored(c *clock, list []score) *scored {
	return &scored{list, c.tally(len(list) * lossWidth)}
}

// add counts the k-th score, unless somebody foretold nothing.
func (l *scored) add(cell, k int, of *[rivals]float64, weight float64) {
	for _, v := range of {
		if math.IsNaN(v) {
			return
		}
	}
	row := l.tally.at(cell)[k*lossWidth:][:lossWidth]
	for r, v := range of {
		row[r] += v * weight
	}
	row[rivals] += weight
	row[rivals+1]++
}

// told lists the scores; those that count how often are told as coverage.
func (l *scored) told(d *resampled, by string, half func(k int) Number) (list []Score, covered []Held) {
	all, drawn := d.sums(l.tally)
	for k, s := range l.scores {
		at := k * lossWidth
		mean := func(sums []float64, r int) float64 { return s.told(sums[at+r] / sums[at+rivals]) }
		if all[at+rivals] == 0 {
			continue
		}
		if s.by == below {
			c := Held{Of: quantityNames[s.of], By: by, Level: Number(quantileLevels[s.of])}
			for r, name := range rivalNames {
				c.Rivals = append(c.Rivals, Covered{name, interval(all, drawn, func(sums []float64) float64 { return mean(sums, r) })})
			}
			covered = append(covered, c)
			continue
		}
		one := Score{Of: quantityNames[s.of], Score: scoringNames[s.by], By: by, Windows: int(all[at+rivals+1])}
		for r, name := range rivalNames {
			rival := Rival{Name: name, Loss: Number(mean(all, r))}
			if r == rivalEWMA {
				rival.HalfLife = half(k)
			}
			if r != rivalNetwork {
				gain := interval(all, drawn, func(sums []float64) float64 { return mean(sums, r) - mean(sums, rivalNetwork) })
				rival.Gain = &gain
			}
			one.Rivals = append(one.Rivals, rival)
		}
		list = append(list, one)
	}
	return list, covered
}
