// Package foresight judges failure forecasts as who is on call would: which
// incidents were announced, how early, and how many alarms were for nothing;
// and as a statistician would: whether the probabilities come true.
//
// What a failure is, package train says. Thresholds, and the probabilities of
// those that only have a score, come from recordings that are for calibration;
// figures come from others, which are for test. docs/forecast-evaluation.md
// has the protocol.
package foresight
