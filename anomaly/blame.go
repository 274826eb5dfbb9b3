package anomaly

import (
	"cmp"
	"math"
	"slices"
)

// Evidence is how strange one endpoint (or service) is at one moment, as
// distances from what is usual in scales (Level.Distance): they can be compared
// and subtracted, which probabilities cannot.
type Evidence struct {
	// Own is what it does itself: CPU, memory, restarts. The strangest counts.
	Own float64
	// Served is how it answers: latency, errors. What it calls may be to blame.
	Served float64
}

// Call is an edge of the call graph, by indices into the evidence, and how
// strange the calls along it are, as whoever sees them says: a slow network
// shows at the caller only. 0 where nothing is known beyond the edge.
type Call struct {
	Caller, Callee int
	Strange        float64
}

// Suspect is a thing that may be the cause, as index into the evidence.
type Suspect struct {
	Index     int
	Suspicion float64
}

// Suspects ranks what may be the cause of a trouble, the most suspect first.
// Who answers strangely is suspect as far as what it calls does not explain it:
// by how much it is stranger than the strangest of its callees. A fault thus
// weighs on the most downstream that shows it, and callers, which look worse
// than the cause itself, are excused. What it does itself nobody excuses. NaN
// counts as nothing strange; calls of unknown indices do not count. Ties are in
// the order of the evidence.
func Suspects(evidence []Evidence, calls []Call) []Suspect {
	served, excuse := make([]float64, len(evidence)), make([]float64, len(evidence))
	for i, e := range evidence {
		served[i] = positive(e.Served)
	}
	known := func(i int) bool { return i >= 0 && i < len(evidence) }
	for _, c := range calls {
		if known(c.Callee) {
			served[c.Callee] = max(served[c.Callee], positive(c.Strange))
		}
	}
	for _, c := range calls {
		if known(c.Callee) && known(c.Caller) && c.Caller != c.Callee {
			excuse[c.Caller] = max(excuse[c.Caller], positive(c.Strange), positive(evidence[c.Callee].Served))
		}
	}
	suspects := make([]Suspect, len(evidence))
	for i, e := range evidence {
		suspects[i] = Suspect{Index: i, Suspicion: max(positive(e.Own), served[i]-excuse[i], 0)}
	}
	slices.SortStableFunc(suspects, func(a, b Suspect) int { return cmp.Compare(b.Suspicion, a.Suspicion) })
	return suspects
}

func positive(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(x, 0)
}
