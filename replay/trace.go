package replay

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/fitted"
)

var nan = math.NaN()

// Trace is what a walk saw: every judged window with one step for each row.
type Trace struct {
	// Rows are the policies in the order given, then AsRecorded and
	// HindsightBest.
	Rows    []string
	Windows []*Window // in order of time
	// Endpoints is the largest number of endpoints of each service, and Idle
	// how many of its windows showed no request and are not judged.
	Endpoints, Idle map[string]int

	cfg     Config
	missing []string // series that the schema has no query for
	log     *log     // the requests' say; nil when there is no request log

	simulated *fitted.Result // nil when nothing was simulated
}

// Window is one judged decision of every row.
type Window struct {
	Service   string
	Time      time.Time
	Endpoints []mesh.Endpoint
	// Requests of the horizon weigh the window; 1 when nobody counted them,
	// and then Shares is nil.
	Requests float64
	Shares   mesh.Weights
	Steps    []Step // one for each row

	until    time.Time  // when the next decision came, judged or not; zero for the last
	forecast []forecast // of each endpoint, by the metrics before the decision
}

// unknownStep is the step of a row of which nothing can be said.
func unknownStep() Step {
	return Step{Cost: nan, P99: nan, Errors: nan, Agreement: nan, Regret: nan, Turnover: nan, Moved: nan, Stretch: nan, Unseen: nan}
}

// Services are those that were judged, in order of their names.
func (t *Trace) Services() []string {
	seen := map[string]bool{}
	for _, w := range t.Windows {
		seen[w.Service] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// LeftOut names the services that were not judged, and why.
func (t *Trace) LeftOut() []LeftOut {
	judged, out := t.Services(), []LeftOut(nil)
	for _, service := range slices.Sorted(maps.Keys(t.Endpoints)) {
		switch {
		case slices.Contains(judged, service):
		case t.Endpoints[service] == 0:
			out = append(out, LeftOut{service, "no endpoint"})
		case t.Endpoints[service] == 1:
			out = append(out, LeftOut{service, "one endpoint, no choice"})
		default:
			out = append(out, LeftOut{service, "no requests"})
		}
	}
	return out
}

// LeftOut is a service that was not judged.
type LeftOut struct {
	Service string `json:"service"`
	Why     string `json:"why"`
}

func leftOut(services []LeftOut) string {
	var parts []string
	for _, s := range services {
		parts = append(parts, fmt.Sprintf("%s (%s)", s.Service, s.Why))
	}
	return strings.Join(parts, ", ")
}

// span is that of the judged decisions.
func (t *Trace) span() (first, last time.Time) {
	return t.Windows[0].Time, t.Windows[len(t.Windows)-1].Time
}

// blocks tells how time is cut for the bootstrap.
func (t *Trace) blocks() clock {
	first, last := t.span()
	length := t.cfg.block(last.Sub(first))
	return clock{first, length, int(last.Sub(first)/length) + 1}
}

// clock counts blocks of time.
type clock struct {
	start  time.Time
	length time.Duration
	n      int
}

// of is the block of a time, kept within those that there are.
func (c clock) of(t time.Time) int {
	return min(max(int(t.Sub(c.start)/c.length), 0), c.n-1)
}
