package predict

import "time"

// Horizon is the span after a decision that failures are forecast for: the end
// of the forecast's last bin. It is 0 without a failure network.
func (p *Predictor) Horizon() time.Duration {
	h := p.model.Failure
	if h == nil || len(h.Bins) == 0 {
		return 0
	}
	return h.Bins[len(h.Bins)-1]
}
