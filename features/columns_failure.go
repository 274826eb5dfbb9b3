package features

import (
	"math"

	"github.com/fairway-mesh/fairway/anomaly"
)

// failureColumns are what the failure forecast alone looks at. None has a unit
// of a mesh, but for the limit itself: they are ratios, logarithms of such,
// probabilities, and changes within the horizon.
var failureColumns = []column{
	{Column{"latency_limit_seconds", "s", "Watched latency beyond which the endpoint fails: the objective's or, where it has none, 3 times the usual of the service, or 8 standard deviations above it."},
		func(v *view) float64 { return math.Exp(v.latencyLimit) }},
	{Column{"tail_to_limit", "ln", "Log of the latency limit minus that of the watched latency of the last windows."},
		func(v *view) float64 { return v.latencyLimit - v.m.Tail.value() }},
	{Column{"mean_to_limit", "ln", "The same for the mean, with the usual distance of the tail above it."},
		func(v *view) float64 {
			return v.latencyLimit - v.m.Gap.value() - v.m.climbs.mean.Level() - v.m.CorrectedAll
		}},
	{Column{"crossing_mean", "probability", "That the mean, and the tail with it, crosses the latency limit within the horizon, should the trend that load does not explain go on."},
		func(v *view) float64 {
			return v.m.climbs.mean.Crossing(v.meanLimit(), v.horizon)
		}},
	{Column{"crossing_soon", "probability", "The same within a quarter of the horizon."},
		func(v *view) float64 {
			return v.m.climbs.mean.Crossing(v.meanLimit(), v.horizon/4)
		}},
	{Column{"crossing_utilization", "probability", "That the utilization reaches 1 within the horizon, should its trend go on."},
		func(v *view) float64 { return v.m.utilization.Crossing(1, v.horizon) }},
	{Column{"crossing_memory", "probability", "That the memory reaches twice its past within the horizon, should its trend go on."},
		func(v *view) float64 { return v.m.footprint.Crossing(v.m.Memory.Past.value()+math.Ln2, v.horizon) }},
	{Column{"mean_climb", "ln", "What the mean latency gains within the horizon beyond what load explains, should its trend go on."},
		func(v *view) float64 { return v.gains(&v.m.climbs.mean) }},
	{Column{"mean_climb_sure", "deviations", "That trend in its standard errors."},
		func(v *view) float64 { return v.sure(&v.m.climbs.mean) }},
	{Column{"tail_climb", "ln", "What the watched latency gains likewise."},
		func(v *view) float64 { return v.gains(&v.m.climbs.tail) }},
	{Column{"tail_climb_sure", "deviations", "That trend in its standard errors."},
		func(v *view) float64 { return v.sure(&v.m.climbs.tail) }},
	{Column{"peers_climb", "ln", "What the mean latency gains against the median of the peers within the horizon, should the trend go on."},
		func(v *view) float64 { return v.gains(&v.m.against) }},
	{Column{"peers_climb_sure", "deviations", "That trend in its standard errors."},
		func(v *view) float64 { return v.sure(&v.m.against) }},
	{Column{"peers_level", "ln", "Level of that trend: how far the mean latency is above the median of the peers."},
		func(v *view) float64 { return v.m.against.Level() }},
	{Column{"memory_climb", "ln", "What the memory gains within the horizon, should its trend go on."},
		func(v *view) float64 { return v.gains(&v.m.footprint) }},
	{Column{"memory_climb_sure", "deviations", "That trend in its standard errors."},
		func(v *view) float64 { return v.sure(&v.m.footprint) }},
	{Column{"memory_vs_peers", "ln", "Log memory minus the median of the peers; 0 without peers."},
		func(v *view) float64 { return v.memories.versus(v.m.Memory.Last, v.m.alive) }},
	{Column{"error_climb", "rad", "What asin √ of the error ratio gains within the horizon, should its trend go on."},
		func(v *view) float64 { return v.gains(&v.m.faults) }},
	{Column{"error_climb_sure", "deviations", "That trend in its standard errors."},
		func(v *view) float64 { return v.sure(&v.m.faults) }},
	{Column{"error_level", "rad", "Level of that trend, minus the limit."},
		func(v *view) float64 { return v.m.faults.Level() - angle(v.errorLimit) }},
	{Column{"mean_climbing", "ln(1+windows)", "For how long the trend of the mean latency has surely been upward."}, climbingFor(climbMean)},
	{Column{"error_climbing", "ln(1+windows)", "That of the errors."}, climbingFor(climbErrors)},
	{Column{"memory_climbing", "ln(1+windows)", "That of the memory."}, climbingFor(climbMemory)},
	{Column{"mean_climbed", "ln", "By how much the mean latency, as far as load does not explain it, is above what it was before it began to climb."},
		func(v *view) float64 { return v.m.climbs.mean.Level() - v.m.Calm[climbMean].value() }},
	{Column{"error_climbed", "rad", "That of asin √ of the error ratio."},
		func(v *view) float64 { return v.m.faults.Level() - v.m.Calm[climbErrors].value() }},
	{Column{"memory_climbed", "ln", "That of the memory."},
		func(v *view) float64 { return v.m.footprint.Level() - v.m.Calm[climbMemory].value() }},
	{Column{"mean_ahead", "ln", "By how much the newest mean latency is above the level of its trend: a climb that grows steeper runs ahead of it."},
		func(v *view) float64 { return v.m.Latency.Last - v.m.CorrectedAll - v.m.climbs.mean.Level() }},
	{Column{"error_ahead", "rad", "That of asin √ of the error ratio."},
		func(v *view) float64 { return angle(v.m.Errors.Last) - v.m.faults.Level() }},
	{Column{"error_burn", "ln(1+ratio)", "Error ratio of the last windows over its limit."},
		func(v *view) float64 { return math.Log1p(v.m.ErrorsRecent.value() / v.errorLimit) }},
	{Column{"error_burn_long", "ln(1+ratio)", "That of a dozen windows."},
		func(v *view) float64 { return math.Log1p(v.m.ErrorsLong.value() / v.errorLimit) }},
	{Column{"latency_burn", "ratio", "Part of the last windows with a watched latency beyond four fifths of the limit."},
		func(v *view) float64 { return v.m.NearShort.value() }},
	{Column{"latency_burn_long", "ratio", "That of a dozen windows."},
		func(v *view) float64 { return v.m.NearLong.value() }},
	{Column{"tail_vs_peers", "ln", "Log watched latency minus the median of the peers; 0 without peers."},
		func(v *view) float64 { return v.tails.versus(v.m.Watched, v.m.alive) }},
	{Column{"peers_slow", "ratio", "Part of the peers whose watched latency is beyond the limit; 0 without peers."},
		func(v *view) float64 { return v.peersSlow() }},
	{Column{"surprise_rate", "−log10 p", "How strange the load is for the endpoint."}, surprise(kindRate)},
	{Column{"surprise_errors", "−log10 p", "How strange the errors are."}, surprise(kindErrors)},
	{Column{"surprise_latency", "−log10 p", "How strange the strangest latency is."}, surprise(kindLatency)},
	{Column{"surprise_in_flight", "−log10 p", "How strange the requests in flight are."}, surprise(kindInFlight)},
	{Column{"surprise_use", "−log10 p", "How strange utilization and processor time are."}, surprise(kindUse)},
	{Column{"surprise_memory", "−log10 p", "How strange the memory is."}, surprise(kindMemory)},
	{Column{"late_errors", "−log10 p", "Highest surprise of the errors of late, fading."}, late(kindErrors)},
	{Column{"late_latency", "−log10 p", "That of the latencies."}, late(kindLatency)},
	{Column{"late_in_flight", "−log10 p", "That of the requests in flight."}, late(kindInFlight)},
	{Column{"late_use", "−log10 p", "That of utilization and processor time."}, late(kindUse)},
	{Column{"late_memory", "−log10 p", "That of the memory."}, late(kindMemory)},
	{Column{"young", "0 to 1", "1 when the endpoint has just appeared among the others or started again, fading; 0 when it was always there."},
		func(v *view) float64 {
			if isNaN(v.m.Born) {
				return 0
			}
			return math.Exp(-v.m.Born / youngWindows)
		}},
	{Column{"metrics_late", "ratio", "Age of the newest sample over the window's span."},
		func(v *view) float64 { return (v.now - v.m.Sample) / v.span }},
}

func surprise(kind int) func(v *view) float64 {
	return func(v *view) float64 { return v.m.Surprise[kind] }
}

func late(kind int) func(v *view) float64 {
	return func(v *view) float64 { return v.m.Late[kind] }
}

func climbingFor(what int) func(v *view) float64 {
	return func(v *view) float64 { return math.Log1p(v.m.Climbing[what]) }
}

// meanLimit is where the trend of the mean, which is of what load does not
// explain, has the tail at its limit, ln(s).
func (v *view) meanLimit() float64 {
	return v.latencyLimit - v.m.Gap.value() - v.m.CorrectedAll
}

// gains is what a trend gains within the horizon.
func (v *view) gains(t *anomaly.Trend) float64 {
	if isNaN(t.Level()) {
		return math.NaN()
	}
	return t.Slope() * v.horizon
}

// sure is what a trend gains within the horizon in its standard errors, of which
// a thousandth more is doubted: else what never changes would be sure of its
// rounding.
func (v *view) sure(t *anomaly.Trend) float64 {
	return v.gains(t) / (t.Doubt()*v.horizon + 1e-3)
}

func (v *view) slow(m *memory) bool { return m.Watched > v.latencyLimit }

func (v *view) peersSlow() float64 {
	if v.endpoints < 2 {
		return 0
	}
	slow := v.tooSlow
	if v.slow(v.m) {
		slow--
	}
	return float64(slow) / float64(v.endpoints-1)
}

// Failure names the inputs of the failure forecast: where the endpoint is
// compared with its limits, its past and its peers, how fast it nears the
// limits, and how strange it is. All are free of the units of a mesh, so that
// what is learned on some holds for others.
func Failure() []string {
	names := []string{
		"error_ratio", "utilization", "utilization_trend", "anomaly_score", "anomaly_max",
		"latency_vs_peers", "error_vs_peers", "in_flight_vs_peers", "latency_vs_past", "latency_vs_ref", "load_now", "load_vs_past",
		"error_recent", "error_vs_past", "in_flight_vs_past", "utilization_vs_past", "capacity_vs_past", "tail_ratio", "queue_ratio", "waiting_ratio",
		"latency_vs_queue", "log_excess", "log_requests", "up", "missing_ratio", "peers_failing",
		"crossing_latency", "crossing_error", "latency_to_limit", "error_to_limit", "memory_vs_past",
	}
	for _, c := range failureColumns[1:] {
		names = append(names, c.Name)
	}
	return names
}
