package mesh

import (
	"math"
	"time"
)

// Window is what was seen of one service in one span of time.
type Window struct {
	Service string
	// Time is when the window is decided upon: the first instant at which all
	// of it could be known. Start and End bound the span (Start, End] that it
	// describes; End is never after Time, and earlier by the ingestion delay.
	Time, Start, End time.Time
	Schema           *Schema
	Endpoints        []Endpoint // in order of their names
	// Values has a row for each endpoint and a column for each series of the
	// schema, row by row. NaN is a missing value.
	Values []float64
	// Requests counts, per endpoint, the requests of the span: the weight of
	// its averages. NaN when the schema has no request rate.
	Requests []float64
}

// Row returns the values of endpoint i, a column for each series.
func (w *Window) Row(i int) []float64 {
	n := len(w.Schema.Series)
	return w.Values[i*n : (i+1)*n]
}

// At returns the named series of endpoint i, or NaN when there is none.
func (w *Window) At(i int, series string) float64 {
	column := w.Schema.Index(series)
	if column < 0 {
		return math.NaN()
	}
	return w.Row(i)[column]
}

// Find returns the position of the named endpoint, or -1.
func (w *Window) Find(endpoint string) int {
	for i := range w.Endpoints {
		if w.Endpoints[i].Name == endpoint {
			return i
		}
	}
	return -1
}

// Timing is when windows are made and how far they are looked ahead from. A
// model is served with the timing that it was trained with.
type Timing struct {
	Step    time.Duration `json:"step"`    // between decisions
	Range   time.Duration `json:"range"`   // span of the features' window
	Delay   time.Duration `json:"delay"`   // Time − End: one scrape
	Horizon time.Duration `json:"horizon"` // span after the decision that is predicted
}

// Purge is the least gap between two parts of a split, such that no window of
// the later part and no label of the earlier one see the same sample.
func (t Timing) Purge() time.Duration { return t.Range + t.Delay + t.Horizon }

// InForce is the span after a decision that tells what it was worth: one step,
// after which the next decision replaces it, or the range, if that is longer,
// since the queries need it to see anything; at most the horizon.
func (t Timing) InForce() time.Duration { return min(max(t.Step, t.Range), t.Horizon) }
