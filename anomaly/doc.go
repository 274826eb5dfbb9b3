// Package anomaly says how strange a stream of numbers is. It takes numbers
// and returns numbers, and knows neither windows nor endpoints.
//
// A Tracker watches the metrics of one thing. Each metric gives two measures,
// the distance from its slow level and the distance outside its past range;
// each measure is turned into the probability, among the metric's own past, of
// something at least as far; and the negative logarithms of those are pooled
// into one score. A Trend says where one number is going and how likely it is
// to cross a threshold soon.
//
// The recipe (slow level, range novelty, tail probability, 0.3 max + 0.7 mean,
// EMA of 3) is the one that did best on the Numenta Anomaly Benchmark among
// those whose cost and memory are constant; the tail probability is the
// likelihood stage of Ahmad et al., "Unsupervised real-time anomaly detection
// for streaming data", Neurocomputing 262 (2017).
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
