// Package prom has Prometheus on one side and mesh.Window on the other: it
// reads dumps (OpenMetrics, the Prometheus text format, the JSON of query_range
// and of VictoriaMetrics' export, TSDB blocks) and asks live servers, and in
// both cases runs the queries of a schema, PromQL, and lays their results out
// as windows.
//
// Offline the queries run on Prometheus' own engine, so that what is trained
// on is what a server would have answered. Two differences are handled here:
// most dumps have no stale markers, so Open puts them where a series falls
// silent for more than two and a half of its own intervals; and ranges are open
// to the left, as since Prometheus 3.0 (an older server also counts a sample
// that lies exactly on the left edge).
//
// What a server remembers is asked there too: an Archive is a server over a
// span of time, reached as a source file says, and nothing is copied that it
// can compute. Raw samples are copied only to be kept (Pull, WriteBlock).
//
// Which schema fits is found out by the names and labels of what is there, not
// by values (Recognise, Detect): it is never guessed between two that tell the
// same, and a technology that names no endpoints is refused by its name.
package prom
