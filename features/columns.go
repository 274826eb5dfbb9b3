package features

import (
	"math"
	"slices"
)

// Column documents one feature.
type Column struct{ Name, Unit, Help string }

// column is a feature and where it comes from.
type column struct {
	Column
	value func(v *view) float64
}

// columns is the whole table, in the order of Frame.Names. The first 20 are
// the inputs of the origin's network. All concern one endpoint as of the
// window's end; "peers" are the other living endpoints of its service in the
// same window, "past" is the endpoint's own slow level.
var columns = append([]column{
	{Column{"log_request_rate", "ln(1+rps)", "Load that the endpoint gets."},
		func(v *view) float64 { return v.m.Rate.Last }},
	{Column{"log_service_rate", "ln(1+rps)", "Load of the whole service."},
		func(v *view) float64 { return math.Log1p(v.total) }},
	{Column{"share", "ratio", "Part of the service's load that the endpoint gets; equal parts while there is none."},
		func(v *view) float64 { return v.share() }},
	{Column{"candidate_load", "ratio", "Load that an equal share would bring, over the capacity."},
		func(v *view) float64 { return v.equalShare() / v.capacity() }},
	{Column{"error_ratio", "ratio", "Failed requests of the window, shrunk towards the past by their number; the last one while idle."},
		func(v *view) float64 { return v.m.Errors.Last }},
	{Column{"error_trend", "rad/min", "Slope of asin √ of the error ratio, a scale on which its noise is even."},
		func(v *view) float64 { return slope(&v.m.errors, v.m.Errors.Last) }},
	{Column{"log_latency_mean", "ln(s)", "Mean latency, or the nearest quantile where no mean is known; the last one while idle, as are the quantiles."},
		func(v *view) float64 { return v.m.Latency.Last }},
	{Column{"log_latency_p50", "ln(s)", "Median latency, or the nearest that is known."},
		func(v *view) float64 { return first(v.m.P50.Last, v.m.Latency.Last) }},
	{Column{"log_latency_p90", "ln(s)", "90 % quantile of the latency, or the nearest that is known."},
		func(v *view) float64 { return first(v.m.P90.Last, v.m.P99.Last, v.m.Latency.Last) }},
	{Column{"log_latency_p99", "ln(s)", "99 % quantile of the latency, or the nearest that is known."},
		func(v *view) float64 { return first(v.m.P99.Last, v.m.P90.Last, v.m.Latency.Last) }},
	{Column{"latency_trend", "ln/min", "Slope of the log mean latency."},
		func(v *view) float64 { return slope(&v.m.latency, v.m.Latency.Last) }},
	{Column{"log_in_flight", "ln(1+n)", "Requests being served or queued."},
		func(v *view) float64 { return v.m.InFlight.Last }},
	{Column{"utilization", "ratio", "Busy part of the capacity."},
		func(v *view) float64 { return v.m.Utilization.Last }},
	{Column{"utilization_trend", "1/min", "Slope of the utilization."},
		func(v *view) float64 { return slope(&v.m.utilization, v.m.Utilization.Last) }},
	{Column{"anomaly_score", "0 to 1", "How strange the endpoint behaves compared with its past."},
		func(v *view) float64 { return v.m.score.Value }},
	{Column{"latency_vs_peers", "ln", "Log mean latency minus the median of the peers; 0 without peers."},
		func(v *view) float64 { return v.latencies.versus(v.m.Latency.Last, v.m.alive) }},
	{Column{"error_vs_peers", "ratio", "Error ratio minus the median of the peers; 0 without peers."},
		func(v *view) float64 { return v.errors.versus(v.m.Errors.Last, v.m.alive) }},
	{Column{"in_flight_vs_peers", "ln", "Log in-flight minus the median of the peers; 0 without peers."},
		func(v *view) float64 { return v.inFlights.versus(v.m.InFlight.Last, v.m.alive) }},
	{Column{"latency_vs_past", "ln", "Log mean latency minus its past."},
		func(v *view) float64 { return v.m.Latency.versusPast() }},
	{Column{"metrics_age", "s", "Age of the endpoint's newest sample when the window is decided upon."},
		func(v *view) float64 { return v.now - v.m.Sample }},

	{Column{"latency_ref_seconds", "s", "Mean latency of the last windows, weighted by good requests, drifting to the past while idle: what the outcome network predicts a ratio to."},
		func(v *view) float64 { return v.m.reference() }},
	{Column{"latency_vs_ref", "ln", "Log mean latency minus that of the reference."},
		func(v *view) float64 { return v.m.Latency.Last - math.Log(v.m.reference()) }},
	{Column{"capacity_rps", "1/s", "Estimated load at which the endpoint saturates."},
		func(v *view) float64 { return v.capacity() }},
	{Column{"service_seconds", "s", "Time that a request takes without waiting, from latency, load and capacity."},
		func(v *view) float64 { return v.queueing().Concurrency / v.capacity() }},
	{Column{"waiting", "requests", "Requests in flight beyond those that are served, carried on to the decision at the load and the capacity."},
		func(v *view) float64 { return v.unserved() }},
	{Column{"latency_vs_queue", "ln", "Log mean latency of the reference minus what the formula of the queue says of the load: above 0 the endpoint is slower than its capacity and its queue explain."},
		func(v *view) float64 { return math.Log(v.m.reference() / v.queueing().Mean(v.rate())) }},
	{Column{"log_excess", "ln", "Log mean latency minus what the formula of the queue says, since that last changed; drawn to the peers as far as it may be chance."},
		func(v *view) float64 { return v.m.excess }},
	{Column{"waiting_ratio", "ratio", "Requests that wait over those that the endpoint can do in the window's span."},
		func(v *view) float64 { return v.unserved() / (v.capacity() * v.span) }},
	{Column{"log_concurrency", "ln", "Log of the requests that the endpoint serves at once."},
		func(v *view) float64 { return math.Log(v.queueing().Concurrency) }},
	{Column{"log_requests", "ln(1+n)", "Requests of the window: how much it can tell."},
		func(v *view) float64 { return math.Log1p(v.rate() * v.span) }},
	{Column{"log_span", "ln", "Span of the window over the service time: how far back its averages reach."},
		func(v *view) float64 { return math.Log(v.span * v.capacity() / v.queueing().Concurrency) }},
	{Column{"load_now", "ratio", "Load over the capacity."},
		func(v *view) float64 { return v.rate() / v.capacity() }},
	{Column{"load_vs_past", "ln", "Log load minus its past."},
		func(v *view) float64 { return v.m.Rate.versusPast() }},
	{Column{"error_recent", "ratio", "Failed requests of the last windows, weighted by requests, shrunk towards the past and drifting there while idle."},
		func(v *view) float64 {
			return v.m.ErrorsRecent.towards(min(v.m.ErrorsPast.value(), v.errorLimit/2), errorPrior)
		}},
	{Column{"error_vs_past", "ratio", "Error ratio minus its past."},
		func(v *view) float64 { return v.m.Errors.Last - v.m.ErrorsPast.value() }},
	{Column{"in_flight_vs_past", "ln", "Log in-flight minus its past."},
		func(v *view) float64 { return v.m.InFlight.versusPast() }},
	{Column{"utilization_vs_past", "ratio", "Utilization minus its past."},
		func(v *view) float64 { return v.m.Utilization.versusPast() }},
	{Column{"capacity_vs_past", "ln", "Log capacity minus its past."},
		func(v *view) float64 { return v.m.Capacity.versusPast() }},
	{Column{"tail_ratio", "ln", "Log of p99 (p90 where there is none) over the median."},
		func(v *view) float64 { return first(v.m.P99.Last, v.m.P90.Last) - v.m.P50.Last }},
	{Column{"queue_ratio", "ln", "Log of the requests in flight over those that load and latency account for (Little): above 0 a queue is growing before the latencies show it."},
		func(v *view) float64 { return v.queue() }},
	{Column{"crossing_latency", "probability", "That the watched latency crosses its limit within the horizon, should the trend that load does not explain go on."},
		func(v *view) float64 {
			return v.crossing(&v.m.climbs.tail, v.m.Watched-v.m.CorrectedAll, v.latencyLimit-v.m.CorrectedAll)
		}},
	{Column{"crossing_error", "probability", "That the error ratio crosses the objective's limit within the horizon, should its trend go on."},
		func(v *view) float64 { return v.crossing(&v.m.errors, angle(v.m.Errors.Last), angle(v.errorLimit)) }},
	{Column{"latency_to_limit", "ln", "Log of the latency limit minus that of the watched latency."},
		func(v *view) float64 { return v.latencyLimit - v.m.Watched }},
	{Column{"error_to_limit", "ratio", "The objective's error limit minus the error ratio."},
		func(v *view) float64 { return v.errorLimit - v.m.Errors.Last }},
	{Column{"anomaly_max", "0 to 1", "Highest anomaly score of the last 5 windows."},
		func(v *view) float64 { return slices.Max(v.m.Scores[:]) }},
	{Column{"memory_trend", "ln/min", "Slope of the log memory."},
		func(v *view) float64 { return slope(&v.m.footprint, v.m.Memory.Last) }},
	{Column{"memory_vs_past", "ln", "Log memory minus its past."},
		func(v *view) float64 { return v.m.Memory.versusPast() }},
	{Column{"cpu_per_request", "ln(s)", "Log of the processor time per request."},
		func(v *view) float64 { return v.m.CPU.Last }},
	{Column{"up", "0 or 1", "Whether the endpoint answers its scrapes."},
		func(v *view) float64 { return v.m.Up }},
	{Column{"missing_ratio", "ratio", "Part of the schema's series without a value for the endpoint, averages over no requests aside."},
		func(v *view) float64 { return v.m.Missing }},
	{Column{"peers_failing", "ratio", "Part of the peers, living or not, that are down or beyond the objective's error limit; 0 without peers."},
		func(v *view) float64 { return v.peersFailing() }},
}, failureColumns...)

// columnNames are the names of columns, in order.
var columnNames = func() []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}()

// Columns documents every column of a Frame, in order.
func Columns() []Column {
	list := make([]Column, len(columns))
	for i, c := range columns {
		list[i] = c.Column
	}
	return list
}

// Routing names the 20 inputs of the origin's network, in order.
func Routing() []string { return slices.Clone(columnNames[:20]) }

// Outcome names the inputs of the outcome network. None depends on the load
// that the endpoint would get, which enters through the load curve; most are
// relative to peers or to the past, so that what is learned on some endpoints
// holds for others.
func Outcome() []string {
	return []string{
		"error_ratio", "error_trend", "latency_trend", "log_in_flight", "utilization", "utilization_trend",
		"anomaly_score", "latency_vs_peers", "error_vs_peers", "in_flight_vs_peers", "latency_vs_past", "metrics_age",
		"latency_vs_ref", "load_now", "load_vs_past", "error_recent", "in_flight_vs_past", "utilization_vs_past",
		"capacity_vs_past", "tail_ratio", "queue_ratio", "up", "missing_ratio", "peers_failing",
		"latency_vs_queue", "log_excess", "log_requests", "log_span", "log_concurrency", "waiting_ratio",
	}
}
