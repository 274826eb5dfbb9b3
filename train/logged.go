package train

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// logged judges the rivals by the single requests of a recording's log, one
// history after the other. What a decision foretold is compared with every
// request that was sent while it was in force; two decisions may share one.
type logged struct {
	hearing *hearing
	history int
	rows    map[[2]string][]loggedRow // per service and endpoint, in order of time
}

type loggedRow struct {
	at   time.Time
	cell int
	said [rivals][len(loggedQuantiles)]float32
}

var loggedQuantiles = [...]int{ofP50, ofP90, ofP99}

// note keeps what was foretold, where a log will tell of it.
func (l *logged) note(history int, m *Moment, i, cell int, p *recalled, said [rivals]forecast) {
	if history != l.history {
		l.finish()
		l.history = history
	}
	if l.hearing.set.Histories[history].Log == nil {
		return
	}
	row := loggedRow{at: m.Time, cell: cell}
	for k, q := range loggedQuantiles {
		said[rivalEWMA][q] = p.smoothed(l.hearing.yardsticks.half[halfLifeOf(score{q, pinball})])[q]
		for r := range said {
			row.said[r][k] = float32(said[r][q])
		}
	}
	if l.rows == nil {
		l.rows = map[[2]string][]loggedRow{}
	}
	key := [2]string{m.Service, m.Endpoints[i]}
	l.rows[key] = append(l.rows[key], row)
}

// finish reads the log of the history that ends. A log that cannot be read is
// no reason not to train: it is noted, and what was read before counts.
func (l *logged) finish() {
	if len(l.rows) == 0 {
		return
	}
	history := &l.hearing.set.Histories[l.history]
	for request, err := range history.Log {
		if err != nil {
			l.hearing.unread = append(l.hearing.unread, fmt.Sprintf("%s: its request log was not read to the end, and single requests are judged by what was: %v", history.Provenance.Path, err))
			break
		}
		l.request(&request)
	}
	l.rows = nil
}

// request judges by one request. One that failed with an answer is left out,
// for the error ratio tells of it; one without an answer took at least until
// its deadline, and is taken to have taken that.
func (l *logged) request(r *datasets.Request) {
	if r.Failed() && r.Status != 0 {
		return
	}
	rows := l.rows[[2]string{r.Service, r.Endpoint}]
	oldest := r.Time.Add(-l.hearing.set.timing(l.history).InForce())
	from, _ := slices.BinarySearchFunc(rows, oldest, func(row loggedRow, t time.Time) int { return row.at.Compare(t) })
	for i := from; i < len(rows) && rows[i].at.Before(r.Time); i++ {
		row := &rows[i]
		for k, s := range requestScores {
			q := slices.Index(loggedQuantiles[:], s.of)
			var losses [rivals]float64
			for rival := range losses {
				losses[rival] = s.against(float64(row.said[rival][q]), math.Max(r.Latency.Seconds(), 0))
			}
			l.hearing.single.add(row.cell, k, &losses, 1)
		}
	}
}
