package anomaly

import "math"

// AlarmConfig says when an Alarm rings.
type AlarmConfig struct {
	// Line is the surprise, −log10 of a probability, from which it rings.
	Line float64
	// Rest is for how many values it is then silent.
	Rest int
}

// DefaultAlarmConfig rings for what the past gave about one chance in 25,
// value after value.
func DefaultAlarmConfig() AlarmConfig { return AlarmConfig{Line: 1.4, Rest: 75} }

// Alarm turns the pooled surprise of a Tracker into alerts for a person: one at
// the onset of what is strange, then silence for a while. The zero value has
// heard nothing. Fields are exported to encoding/binary only.
type Alarm struct {
	Surprise float64 // pooled, smoothed
	Heard    float64 // values
	Alerts   float64 // of late: forgotten by and by
	Silent   float64 // values until it may ring again
}

const (
	// alarmWeight is the weight of the newest surprise: some five values in a
	// row count, so that a small shift adds up and a lone spike still shows.
	alarmWeight = 0.35
	// With n values twice as strange ones are expected as with n/2. A person
	// has as little time for a long history as for a short one, so half of the
	// logarithm of n is asked for on top, from fewest to longest.
	lengthPart             = 0.5
	fewest, usual, longest = 100, 1000, 20000
	// fatigue is how much stranger, in powers of ten, a value must be when the
	// alerts of late have doubled; they are forgotten over so many values.
	fatigue, forgotten = 0.2, 1000
)

// Ring takes the next pooled surprise and returns a score in [0, 1]: from 0.5
// on it is an alert, the higher the stranger; below 0.5 it is the surprise
// alone, also while the alarm rests, so that rows remain in the order of their
// strangeness.
func (a *Alarm) Ring(pooled float64, cfg AlarmConfig) (score float64, alert bool) {
	a.Surprise += alarmWeight * (pooled - a.Surprise)
	over := a.Surprise - a.asked(cfg.Line)
	a.Heard++
	a.Alerts *= 1 - 1.0/forgotten
	if a.Silent > 0 || over < 0 {
		a.Silent = max(a.Silent-1, 0)
		return 0.5 * bounded(a.Surprise), false
	}
	a.Alerts++
	a.Silent = float64(cfg.Rest)
	return 0.5 + 0.5*bounded(over), true
}

// asked is the surprise that it takes to ring now.
func (a *Alarm) asked(line float64) float64 {
	length := min(max(a.Heard, fewest), longest) / usual
	return line - chanceOfOne + lengthPart*math.Log10(length) + fatigue*math.Log2(1+a.Alerts)
}

// chanceOfOne is the mean of −log10 of a uniform probability, which a pooled
// surprise is counted from.
const chanceOfOne = 1 / math.Ln10

// bounded maps surprise to [0, 1) and keeps its order, however high.
func bounded(x float64) float64 { return max(x, 0) / (max(x, 0) + 2) }
