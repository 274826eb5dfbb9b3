// Package benchmark runs the detectors of package anomaly over public sets of
// recorded faults (SMD, Nezha, PetShop) and says how well they did. It reads
// files and returns figures. Everything is scored as a stream: nothing that is
// said of a moment comes from after it, and no label is read before the end.
//
// docs/anomaly-benchmarks.md has the figures beside the naive ones, and which
// numbers were chosen on what.
package benchmark
