package train

import (
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// Fate says what becomes of one endpoint after a decision: what an example of
// the failure forecast needs to know. Of a decision whose neighbours in time
// are not kept, nothing else could tell.
type Fate struct {
	Watched bool // it works; else it fails, or has failed lately, and there is nothing to forecast
	Failed  bool
	After   time.Duration // until the failure is seen, or until nobody watched
}

// fated are the examples that fates tell.
func fated(history *History, h int) []example {
	var examples []example
	for i := range history.Moments {
		m := &history.Moments[i]
		for k, f := range m.Fates {
			if f.Watched {
				examples = append(examples, example{place{m, k}, f.Failed, f.After, h})
			}
		}
	}
	return examples
}

// teller tells the fates of a recording's moments while they stream by. It
// holds those of a stretch at a time, with as much before and after it as
// their fates depend on: what a walk holds does not grow with the recording.
type teller struct {
	timing      mesh.Timing
	limits      map[string]limits
	minRequests float64
	split       datasets.Split
	onsets      [3]int

	before, after time.Duration // margins
	held          []Moment
	told          int // of held, those that were given away
}

// newTeller sets the margins. Before a moment, a failure must be seen whole
// that ended a purge time ago; after it, one that begins at the horizon must
// have lasted. Three steps are for a scrape that was missed.
func newTeller(t mesh.Timing, split datasets.Split, found map[string]limits, minRequests float64) *teller {
	lasting := t.Range + 3*t.Step
	return &teller{timing: t, limits: found, minRequests: minRequests, split: split, before: t.Purge() + lasting, after: t.Horizon + lasting}
}

// push takes the next moment, and gives away those whose fate is sealed.
func (w *teller) push(m Moment, give func(*Moment)) {
	w.held = append(w.held, m)
	if untold := w.held[min(w.told, len(w.held)-1)].Time; m.Time.Sub(untold) >= w.before+2*w.after {
		w.tell(m.Time.Add(-w.after), give)
	}
}

// finish gives away the rest.
func (w *teller) finish(give func(*Moment)) {
	if len(w.held) > w.told {
		w.tell(w.held[len(w.held)-1].Time.Add(1), give)
	}
}

// tell gives away the moments before a time, and forgets those that no later
// one depends on.
func (w *teller) tell(until time.Time, give func(*Moment)) {
	examples, onsets := survivalsOf(&History{Moments: w.held}, 0, w.timing, w.limits, w.minRequests)
	first, next := w.told, w.told
	for ; next < len(w.held) && w.held[next].Time.Before(until); next++ {
		w.held[next].Fates = make([]Fate, len(w.held[next].Endpoints))
	}
	for _, e := range examples {
		if at := e.moment.Time; !at.Before(w.held[first].Time) && at.Before(until) {
			e.moment.Fates[e.index] = Fate{true, e.failed, e.after}
		}
	}
	for _, o := range onsets {
		if p := w.split.Part(o.at); p != datasets.None && !o.at.Before(w.held[first].Time) && o.at.Before(until) {
			w.onsets[p-datasets.Train]++
		}
	}
	for i := first; i < next; i++ {
		m := w.held[i]
		give(&m)
		w.held[i].X, w.held[i].After = nil, nil // what comes later asks for Now alone
	}
	w.told = next
	forget := 0
	for forget < w.told && w.held[forget].Time.Before(until.Add(-w.before)) {
		forget++
	}
	w.held = append([]Moment(nil), w.held[forget:]...)
	w.told -= forget
}
