// Package nab judges detectors of anomalies as the Numenta Anomaly Benchmark
// does (Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms",
// ICMLA 2015): it reads the benchmark's files, shows each row to a detector
// once, in order, and counts how early each labelled window was found against
// how often there was nothing.
//
// The benchmark chooses its one threshold on the labels it is scored by. Report
// therefore also holds what a threshold chosen on one half of the series scores
// on the other half, and what the score means to whoever is on call.
package nab
