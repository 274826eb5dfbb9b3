package anomaly

// Detector scores the table of one endpoint's metrics, whatever its width: the
// newest row against the rows before.
//
// With one metric the score says that something has begun: a Tracker's, with
// its refractory silence after an alarm, as an alarm about one number should
// be raised once. With several the score is that of the endpoint's Condition:
// it stays high while the endpoint is strange, as rows (or endpoints) are
// ranked by it and one metric that has calmed down says little about the rest.
type Detector struct {
	warmup    int
	tracker   *Tracker   // of one metric
	condition *Condition // of several
}

// NewDetector returns a detector of that many metrics without a past. It panics
// on a negative number or a Config that does not validate. Of the Config only
// Warmup matters to several metrics.
func NewDetector(metrics int, cfg Config) *Detector {
	tracker := New(metrics, cfg) // also for its checks
	if metrics == 1 {
		return &Detector{warmup: cfg.Warmup, tracker: tracker}
	}
	return &Detector{warmup: cfg.Warmup, condition: NewCondition(metrics)}
}

// Hold says that what was pushed so far is the reference that the rest is to be
// compared with: see Condition.Hold. The score of one metric goes on learning:
// when something has begun is told from the nearer past.
func (d *Detector) Hold() {
	if d.condition != nil {
		d.condition.Hold()
	}
}

// Push is Tracker.Push with one metric and Condition.Push with several.
func (d *Detector) Push(dst []float64, at float64, values []float64) Score {
	if d.condition == nil {
		return d.tracker.Push(dst, at, values)
	}
	return d.condition.Push(dst, values, d.warmup)
}
