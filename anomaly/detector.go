package anomaly

// Detector is a Tracker with an Alarm, for a person who watches a few series:
// slow levels, the shapes of the newest stretches where there are few metrics,
// and one alert for each onset.
type Detector struct {
	tracker *Tracker
	alarm   Alarm
	cfg     AlarmConfig
	dst     []float64
}

const (
	// detectorAlpha is slower than a Tracker's by default, whose endpoints are
	// deployed anew every day: what is strange remains so for longer.
	detectorAlpha = 0.001
	// fewMetrics is up to how many metrics a Table asks a Detector: the shapes of
	// more would cost too much.
	fewMetrics = 4
)

// NewDetector returns a detector of that many metrics, which should be few, without
// a past. It panics on a negative number.
func NewDetector(metrics int, cfg AlarmConfig) *Detector {
	tracking := DefaultConfig()
	tracking.Alpha = detectorAlpha
	for i := range metrics {
		tracking.Golden = append(tracking.Golden, i)
	}
	return &Detector{tracker: New(metrics, tracking), cfg: cfg, dst: make([]float64, metrics)}
}

// Verdict is what a Detector says of the newest values.
type Verdict struct {
	// Score is in [0, 1], 0 while there is no past to compare with. It is an alert
	// from 0.5 on, and stays below while the alarm rests.
	Score float64
	// Alert says whether this is the onset of something strange.
	Alert bool
	// Top is the metric that is strangest of late, or -1 when none is.
	Top int
	// Pooled is Score.Pooled of the tracker, which the alarm heard.
	Pooled float64
}

// Push takes the next value of each metric, as Tracker.Push does. It does not
// allocate.
func (d *Detector) Push(at float64, values []float64) Verdict {
	score := d.tracker.Push(d.dst, at, values)
	v := Verdict{Top: score.Top, Pooled: score.Pooled}
	v.Score, v.Alert = d.alarm.Ring(score.Pooled, d.cfg)
	if !score.Warm {
		v.Score, v.Alert = 0, false
	}
	return v
}
