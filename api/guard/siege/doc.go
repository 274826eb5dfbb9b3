// Package siege tries what the guard makes of callers: honest traffic with its
// bursts, and attacks, from a seed and on a clock of its own. Messages pass the
// guard itself, with its buckets, judge and policy; only the network is left out.
//
// What thresholds were chosen on (Tuning) is not what is reported (Report):
// other seeds, another recording, other strengths of attacks and bursts.
package siege
