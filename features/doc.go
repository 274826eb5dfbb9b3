// Package features turns windows into frames: what was seen of a service, as
// rows of features, one for each endpoint.
//
// An Extractor holds the memory this takes (levels, trends, anomaly trackers,
// capacity estimates), per service and endpoint. It advances once per window
// and takes the time from it, so that a recording gives the same frames as the
// live stream it was recorded from. A frame depends on its window and earlier
// ones only.
//
// Three kinds of absence are told apart. A series that the schema lacks, or
// that never had a value, is unknown: NaN. A series without a value now, for
// want of requests or of samples, keeps its last one, and metrics_age,
// missing_ratio and up tell. No requests is not absence: the load is 0.
package features
