package siege

import "gonum.org/v1/gonum/stat/distuv"

// perMillion is a share of requests in millionths, and its upper bound with 95 %
// confidence after Clopper and Pearson: the share at which so few would be seen in
// one of twenty tries. With none it is about three of all, in millionths.
func perMillion(blocked, requests int64) (share, most float64) {
	if requests == 0 {
		return 0, 1e6
	}
	share = 1e6 * float64(blocked) / float64(requests)
	if blocked >= requests {
		return share, 1e6
	}
	beta := distuv.Beta{Alpha: float64(blocked) + 1, Beta: float64(requests - blocked)}
	return share, 1e6 * beta.Quantile(0.95)
}
