package anomaly

// Table scores the table of one endpoint's metrics, whatever its width: the
// newest row against the rows before.
//
// With up to four metrics the score says that something has begun: a
// Detector's, which rings once and then rests, as an alarm about a number
// should be raised once. With more the score is that of the endpoint's
// Condition: it stays while the endpoint is strange, since rows, or endpoints,
// are ranked by it. A rest after the onset would rank the second hour of a
// fault below a quiet day.
type Table struct {
	onsets    *Detector  // of few metrics
	condition *Condition // of more
}

// NewTable returns a table of that many metrics without a past. It panics on a
// negative number. The alarm matters to few metrics only.
func NewTable(metrics int, alarm AlarmConfig) *Table {
	if metrics <= fewMetrics {
		return &Table{onsets: NewDetector(metrics, alarm)}
	}
	return &Table{condition: NewCondition(metrics)}
}

// Hold says that what was pushed so far is the reference that the rest is to be
// compared with: see Condition.Hold. Few metrics go on learning: that
// something has begun is told from the nearer past.
func (t *Table) Hold() {
	if t.condition != nil {
		t.condition.Hold()
	}
}

// Len is how many metrics the table has.
func (t *Table) Len() int {
	if t.condition != nil {
		return t.condition.Len()
	}
	return t.onsets.tracker.Len()
}

// Push takes the next value of each metric, seen at a time in Unix seconds (NaN
// where it is unknown). Of more than four metrics there is no alert, and Pooled is the
// score. It does not allocate.
func (t *Table) Push(at float64, values []float64) Verdict {
	if t.condition == nil {
		return t.onsets.Push(at, values)
	}
	score := t.condition.Push(nil, values, conditionWarmup)
	return Verdict{Score: score.Value, Top: score.Top, Pooled: score.Value}
}

// conditionWarmup is how many values a metric must have had before it counts.
const conditionWarmup = 30
