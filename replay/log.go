package replay

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// log is what a request log says of the rows.
type log struct {
	services map[string]*serviceLog
}

// serviceLog is what the requests of one service say, in the judged time.
type serviceLog struct {
	windows []*Window
	rows    []logSums        // one for each row but the last
	drawn   []map[string]int // used requests, by block and endpoint
	met     map[*Window]int  // and by the decision that they met

	used      int
	unknown   int // no propensity was recorded: not used
	strangers int // went to an endpoint that no decision knew
}

// Weigh values every row on a request log whose propensities were recorded,
// and adds that to the table: by the estimators of package ope, with the
// metrics before each decision as the model of what an endpoint costs. A
// request counts where a judged decision was in force: from its time until the
// next, for at most a horizon. Propensities that are not recorded are not
// invented: such requests are counted and left out. The log is streamed, in
// any order.
func (t *Trace) Weigh(requests iter.Seq2[datasets.Request, error]) error {
	l, blocks := &log{services: map[string]*serviceLog{}}, t.blocks()
	for _, w := range t.Windows {
		s := l.services[w.Service]
		if s == nil {
			s = &serviceLog{rows: t.newLogSums(), drawn: make([]map[string]int, blocks.n), met: map[*Window]int{}}
			for i := range s.drawn {
				s.drawn[i] = map[string]int{}
			}
			l.services[w.Service] = s
		}
		s.windows = append(s.windows, w)
	}
	for r, err := range requests {
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		s := l.services[r.Service]
		if s == nil {
			continue
		}
		if w := inForce(s.windows, r.Time, t.cfg.Timing.Horizon); w != nil {
			s.add(w, &r, blocks.of(w.Time), t.cfg.objective(r.Service))
		}
	}
	for _, s := range l.services {
		s.lack(blocks)
	}
	t.log = l
	return nil
}

// inForce is the judged decision that a request of that time would have met.
func inForce(windows []*Window, at time.Time, horizon time.Duration) *Window {
	i, exact := slices.BinarySearchFunc(windows, at, func(w *Window, at time.Time) int { return w.Time.Compare(at) })
	if !exact {
		i--
	}
	if i < 0 || at.Sub(windows[i].Time) > horizon {
		return nil
	}
	if until := windows[i].until; !until.IsZero() && !at.Before(until) {
		return nil
	}
	return windows[i]
}

func (l *serviceLog) add(w *Window, r *datasets.Request, block int, o mesh.Objective) {
	if !(r.Propensity > 0 && r.Propensity <= 1) {
		l.unknown++
		return
	}
	endpoint := slices.IndexFunc(w.Endpoints, func(e mesh.Endpoint) bool { return e.Name == r.Endpoint })
	if endpoint < 0 {
		l.strangers++
	}
	l.used++
	l.met[w]++
	l.drawn[block][r.Endpoint]++
	cost, latency, failed := worth(r, o)
	for i := range l.rows {
		l.rows[i].add(block, cost, latency, failed, w.asked(i, i == len(l.rows)-1, endpoint, r.Propensity))
	}
}

// worth is what a request cost, how long it took (seconds; a failure takes the
// deadline), and 1 if it failed: an answer after the deadline is none.
func worth(r *datasets.Request, o mesh.Objective) (cost, latency, failed float64) {
	if r.Deadline > 0 {
		o.Deadline = r.Deadline
	}
	if r.Failed() || r.Latency > o.Deadline {
		return o.Cost(0, 1), o.Deadline.Seconds(), 1
	}
	return o.Cost(r.Latency.Seconds(), 0), r.Latency.Seconds(), 0
}
