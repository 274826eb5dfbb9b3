// Package anomaly says how strange a stream of numbers is. It takes numbers
// and returns numbers, and knows neither windows nor endpoints.
//
// A Tracker watches the metrics of one thing. Each metric gives up to four
// measures: the distance from its slow level, the distance outside its past
// range, the distance from the level of the hour of the day where its own past
// shows that there is one, and, of golden metrics, the distance of the newest
// stretch from the nearest earlier one. Each measure is turned into the
// probability, among the metric's own past, of something at least as far; and
// the negative logarithms of those are pooled into one score. An Alarm makes
// alerts of it: one at an onset, then silence for a while. A Detector is both, as
// fairway detect runs them on few metrics. A Trend says where one number is going and how
// likely it is to cross a threshold soon.
//
// The recipe (few measures, tail probability, 0.3 max + 0.7 mean, a short mean,
// rest) is judged in docs/anomaly.md; the tail probability is the likelihood
// stage of Ahmad et al., "Unsupervised real-time anomaly detection for streaming
// data", Neurocomputing 262 (2017).
//
// A Condition says how unlike its past an endpoint is now, by all its metrics
// together, and which of them it is due to; a Correlation knows which metrics
// usually move together; a Table takes the score of an onset for few metrics and
// of the condition for many. Peers says who differs from the other endpoints
// of the service more than it always has, and Suspects who may be the cause of
// what callers see.
//
// No value is safe for concurrent use. Nothing here reads a clock.
package anomaly
