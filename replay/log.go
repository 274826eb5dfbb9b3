package replay

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// log is what a request log says of the rows: the self-normalised importance
// sampling estimate (SNIPS; Swaminathan and Joachims, NeurIPS 2015) of each,
// with clipped weights.
type log struct {
	services map[string][]logSums // by service, one for each row but the last
	counts   map[string]*logCounts
}

// logCounts are the requests of one service in the judged time.
type logCounts struct {
	used      int
	unknown   int // no propensity was recorded: not used
	strangers int // went to an endpoint that no decision knew
}

// Weigh values every row on a request log whose propensities were recorded,
// and adds that to the table. A request counts where a judged decision was in
// force: from its time until the next, for at most a horizon. Propensities
// that are not recorded are not invented: such requests are counted and left
// out. The log is streamed, in any order.
func (t *Trace) Weigh(requests iter.Seq2[datasets.Request, error]) error {
	l := &log{services: map[string][]logSums{}, counts: map[string]*logCounts{}}
	windows, blocks := map[string][]*Window{}, t.blocks()
	for _, w := range t.Windows {
		windows[w.Service] = append(windows[w.Service], w)
	}
	for service := range windows {
		l.services[service] = newLogSums(len(t.Rows)-1, blocks.n)
		l.counts[service] = &logCounts{}
	}
	for r, err := range requests {
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		if w := inForce(windows[r.Service], r.Time, t.cfg.Timing.Horizon); w != nil {
			l.add(w, &r, blocks.of(w.Time), &t.cfg)
		}
	}
	t.log = l
	return nil
}

// inForce is the decision that a request of that time would have met.
func inForce(windows []*Window, at time.Time, horizon time.Duration) *Window {
	i, exact := slices.BinarySearchFunc(windows, at, func(w *Window, at time.Time) int { return w.Time.Compare(at) })
	if !exact {
		i--
	}
	if i < 0 || at.Sub(windows[i].Time) > horizon {
		return nil
	}
	return windows[i]
}

func (l *log) add(w *Window, r *datasets.Request, block int, cfg *Config) {
	counts, sums := l.counts[r.Service], l.services[r.Service]
	if !(r.Propensity > 0 && r.Propensity <= 1) {
		counts.unknown++
		return
	}
	endpoint := slices.IndexFunc(w.Endpoints, func(e mesh.Endpoint) bool { return e.Name == r.Endpoint })
	if endpoint < 0 {
		counts.strangers++
	}
	counts.used++
	cost, latency, failed := worth(r, cfg.objective(r.Service))
	for i := range sums {
		weight := 1.0
		if i < len(sums)-1 { // the last is AsRecorded
			weight = 0
			if endpoint >= 0 {
				weight = w.Steps[i].Weights[endpoint] / r.Propensity
			}
		}
		sums[i].add(block, weight, cfg.Clip, cost, latency, failed)
	}
}

// worth is what a request cost, how long it took (seconds; a failure takes the
// deadline), and 1 if it failed.
func worth(r *datasets.Request, o mesh.Objective) (cost, latency, failed float64) {
	if r.Deadline > 0 {
		o.Deadline = r.Deadline
	}
	if r.Failed() {
		return o.Cost(0, 1), o.Deadline.Seconds(), 1
	}
	return o.Cost(r.Latency.Seconds(), 0), r.Latency.Seconds(), 0
}

// logSums is everything of one row that a bootstrap over requests needs.
type logSums struct {
	cost, errors           ratio
	latency                []histogram // by block
	weights, squares, full float64     // Σw, Σw² clipped; Σw unclipped
	requests, clipped      float64
}

func newLogSums(rows, blocks int) []logSums {
	sums := make([]logSums, rows)
	for i := range sums {
		sums[i] = logSums{cost: make(ratio, blocks), errors: make(ratio, blocks), latency: make([]histogram, blocks)}
	}
	return sums
}

func (s *logSums) add(block int, weight, clip, cost, latency, failed float64) {
	s.requests++
	s.full += weight
	if weight > clip {
		weight = clip
		s.clipped++
	}
	s.weights += weight
	s.squares += weight * weight
	s.cost.add(block, cost, weight)
	s.errors.add(block, failed, weight)
	s.latency[block].add(latency, weight)
}

// merge adds the sums of another service.
func (s *logSums) merge(o *logSums) {
	for b := range s.cost {
		s.cost[b].sum += o.cost[b].sum
		s.cost[b].weight += o.cost[b].weight
		s.errors[b].sum += o.errors[b].sum
		s.errors[b].weight += o.errors[b].weight
		s.latency[b].merge(o.latency[b])
	}
	s.weights += o.weights
	s.squares += o.squares
	s.full += o.full
	s.requests += o.requests
	s.clipped += o.clipped
}

// sampleSize is Kish's effective number of requests.
func (s *logSums) sampleSize() float64 {
	if s.squares == 0 {
		return 0
	}
	return s.weights * s.weights / s.squares
}

// p99 is that of all requests together, by weight.
func (s *logSums) p99(drawn []int) float64 {
	return tailOf(s.latency, drawn, tailProbability)
}
