package router

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/router/rules"
)

// judgement is by what the endpoints of a service are ejected: the Config, and in its
// place what the service's rules say of outliers.
type judgement struct {
	base, most  time.Duration // of a first ejection, and of the longest
	minHealthy  float64       // part of the endpoints that must stay
	interval    time.Duration // between judgements of failures; 0: each window
	threshold   float64       // error ratio from which requests fail
	consecutive int           // in its place, failures in a row; 0: the threshold counts
}

func judge(cfg Config, o rules.Outlier) judgement {
	j := judgement{
		base: cfg.BaseEjection, most: cfg.MaxEjection, minHealthy: cfg.PanicThreshold,
		interval: o.Interval, threshold: cfg.ErrorThreshold, consecutive: o.Consecutive,
	}
	if o.BaseEjection > 0 {
		j.base = o.BaseEjection
		j.most = max(j.most, j.base)
	}
	if o.MinHealthy > 0 {
		j.minHealthy = min(o.MinHealthy, 1)
	}
	return j
}

// fails reports whether an endpoint whose requests fail at this ratio in a window is to
// be ejected.
//
// Proxies count failures in a row; metrics tell how many of n requests failed, not in
// which order. In any order alike, the mean number of runs of k failures or more is
// eᵏ·(1 + (n − k)·(1 − e)), and about Poisson: from ln 2 on, a proxy that counts would
// more likely than not have ejected the endpoint (Feller, vol. 1, XIII.7). Where all
// requests fail, k of them are enough; at an error ratio of a tenth, 5 in a row are
// likely from 77,000 requests on.
func (j *judgement) fails(ratio, requests float64) bool {
	if j.consecutive <= 0 {
		return ratio >= j.threshold && requests >= minRequests
	}
	k := float64(j.consecutive)
	if !(requests >= k) || !(ratio > 0) {
		return false
	}
	e := min(ratio, 1)
	return math.Pow(e, k)*(1+(requests-k)*(1-e)) >= math.Ln2
}

// due reports whether failures are judged in this window, and notes that they were.
// Between two judgements what the last one found stands; whether an endpoint is down is
// seen in each window.
func (j *judgement) due(state *ejections, now time.Time) bool {
	if !state.Judged.IsZero() && now.Sub(state.Judged) < j.interval && !now.Before(state.Judged) {
		return false
	}
	state.Judged = now
	return true
}
