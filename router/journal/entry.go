// Package journal keeps on disk what was decided and what became of it: the
// decisions on windows, a sample of the requests that were decided, with their
// propensities, and the outcomes that callers report.
//
// Who appends never waits, neither for a disk nor for a database. One
// goroutine writes segments of a bounded size, the oldest of which goes when
// their bound is reached; a Reader passes them on, to a database for
// instance, and remembers how far it came. Without a reader the segments are
// the log.
package journal

import "time"

// Kind says what an Entry tells of.
type Kind uint8

const (
	Decision Kind = 1 + iota // on a window of a service
	Pick                     // of an endpoint for one request
	Outcome                  // of one request, as its caller reports it
)

// String is the name of the kind.
func (k Kind) String() string {
	switch k {
	case Decision:
		return "decision"
	case Pick:
		return "pick"
	case Outcome:
		return "outcome"
	}
	return "unknown"
}

// Entry is one thing that happened. What does not belong to its kind is
// ignored.
type Entry struct {
	Kind    Kind
	Time    time.Time // kept in microseconds
	Service string

	Line         string // "", "former" or "tried"
	Model, Rules string // versions
	Table        uint64 // version of the table

	// Of a decision. Endpoints, Weights and Ejected are in step, or empty.
	Source, Policy, Reason string
	Age                    time.Duration // of the metrics
	Endpoints              []string
	Weights                []float64
	Ejected                []bool
	Notes                  []string

	// Of a pick and an outcome.
	Class, Method, Path, Route, Endpoint string
	// Propensity is the exact probability with which the endpoint was drawn;
	// 0 when it is not known.
	Propensity float64

	// Of an outcome.
	Latency  time.Duration
	Deadline time.Duration // 0 when none was set
	Status   int           // HTTP status; 0: no answer before the deadline
	InFlight int           // of the caller at this endpoint; −1 when it is not known
	By       string        // who reports it
}
