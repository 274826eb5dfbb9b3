package features

import "slices"

// Column documents one feature.
type Column struct{ Name, Unit, Help string }

// columns is the whole table, in the order of Frame.Names. The first 20 are
// the inputs of the origin's network. All are as of the window's end and
// concern one endpoint; "peers" are the other endpoints of its service in the
// same window, and "past" is the endpoint's own slow level.
var columns = []Column{
	{"log_request_rate", "ln(1+rps)", "Load that the endpoint gets."},
	{"log_service_rate", "ln(1+rps)", "Load of the whole service."},
	{"share", "ratio", "Part of the service's requests that the endpoint gets; equal parts while there are none."},
	{"candidate_load", "ratio", "Load it would have at an equal share, divided by its capacity."},
	{"error_ratio", "ratio", "Failed requests, shrunk towards the endpoint's past by the number of requests; carried forward while idle."},
	{"error_trend", "1/min", "Slope of the error ratio."},
	{"log_latency_mean", "ln(s)", "Mean latency; carried forward while idle, as are the quantiles."},
	{"log_latency_p50", "ln(s)", "Median latency; the mean where the schema has no median."},
	{"log_latency_p90", "ln(s)", "90 % quantile; p99, else unknown, where the schema has none."},
	{"log_latency_p99", "ln(s)", "99 % quantile; p90, else unknown, where the schema has none."},
	{"latency_trend", "ln/min", "Slope of the log mean latency."},
	{"log_in_flight", "ln(1+n)", "Requests being served or queued."},
	{"utilization", "ratio", "Busy share of the capacity."},
	{"utilization_trend", "1/min", "Slope of the utilization."},
	{"anomaly_score", "score", "How strange the endpoint behaves compared with its past: 0 not at all, 1 very."},
	{"latency_vs_peers", "ln", "Log mean latency minus the median of the peers; 0 without peers."},
	{"error_vs_peers", "ratio", "Error ratio minus the median of the peers; 0 without peers."},
	{"in_flight_vs_peers", "ln", "Log in-flight minus the median of the peers; 0 without peers."},
	{"latency_vs_past", "ln", "Log mean latency minus the endpoint's past."},
	{"metrics_age", "s", "Age of the newest sample when the window is decided upon."},
	{"latency_ref_seconds", "s", "Mean latency of late, weighted by requests, drifting to the endpoint's past while idle. The outcome network predicts a ratio to it."},
	{"capacity_rps", "rps", "Estimated load at which the endpoint saturates."},
	{"load_now", "ratio", "Load divided by capacity."},
	{"load_vs_past", "ln", "Log of 1 + load, minus the endpoint's past."},
	{"error_vs_past", "ratio", "Error ratio minus the endpoint's past."},
	{"in_flight_vs_past", "ln", "Log in-flight minus the endpoint's past."},
	{"utilization_vs_past", "ratio", "Utilization minus the endpoint's past."},
	{"capacity_vs_past", "ln", "Log capacity minus the endpoint's past."},
	{"tail_ratio", "ln", "Log of p99 / p50 (p90 where there is no p99)."},
	{"queue_ratio", "ln", "Log of mean latency in flight (in-flight / rate) over the measured mean latency: a growing queue before it shows in the latencies."},
	{"crossing_latency", "probability", "Of the watched latency crossing the objective's limit within the horizon, were its trend to go on."},
	{"crossing_error", "probability", "Of the error ratio crossing the objective's limit within the horizon, were its trend to go on."},
	{"latency_to_limit", "ln", "Log of the objective's limit over the watched latency."},
	{"error_to_limit", "ratio", "Objective's limit minus the error ratio."},
	{"error_burst", "ratio", "Errors of this window alone, shrunk towards the past."},
	{"anomaly_max", "score", "Highest anomaly score of the last 5 windows."},
	{"memory_trend", "ln/min", "Slope of the log memory."},
	{"memory_vs_past", "ln", "Log memory minus the endpoint's past."},
	{"cpu_per_request", "ln(s)", "Log of the processor time per request."},
	{"up", "0 or 1", "Whether the endpoint answers its scrapes."},
	{"missing_ratio", "ratio", "Part of the schema's series without a value for the endpoint."},
	{"peers_failing", "ratio", "Part of the peers that are down or beyond the objective's error limit; 0 without peers."},
}

// Columns documents every column of a Frame, in order.
func Columns() []Column { return slices.Clone(columns) }

// Routing names the origin network's 20 inputs, in order.
func Routing() []string { return names(0, 20) }

func names(from, to int) []string {
	list := make([]string, 0, to-from)
	for _, c := range columns[from:to] {
		list = append(list, c.Name)
	}
	return list
}

// Outcome names the inputs of the outcome network: nothing that depends on
// the load that the endpoint would get, which enters through the curve.
func Outcome() []string { return slices.Clone(outcome) }

var outcome = []string{
	"error_ratio", "error_trend", "latency_trend", "log_in_flight", "utilization", "utilization_trend",
	"anomaly_score", "latency_vs_peers", "error_vs_peers", "in_flight_vs_peers", "latency_vs_past",
	"metrics_age", "load_now", "load_vs_past", "error_vs_past", "in_flight_vs_past", "utilization_vs_past",
	"capacity_vs_past", "tail_ratio", "queue_ratio", "anomaly_max", "up", "missing_ratio", "peers_failing",
}

// Failure names the inputs of the failure forecast.
func Failure() []string { return slices.Clone(failure) }

var failure = []string{
	"log_request_rate", "error_ratio", "error_trend", "log_latency_mean", "log_latency_p99", "latency_trend",
	"log_in_flight", "utilization", "utilization_trend", "anomaly_score", "latency_vs_peers", "error_vs_peers",
	"in_flight_vs_peers", "latency_vs_past", "metrics_age", "load_now", "load_vs_past", "error_vs_past",
	"in_flight_vs_past", "utilization_vs_past", "capacity_vs_past", "tail_ratio", "queue_ratio",
	"crossing_latency", "crossing_error", "latency_to_limit", "error_to_limit", "error_burst", "anomaly_max",
	"memory_trend", "memory_vs_past", "cpu_per_request", "up", "missing_ratio", "peers_failing",
}
