package foresight

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// burn is the multi-window, multi-burn-rate alert of the SRE workbook (Beyer
// et al. 2018, chapter 5): the error budget burns 14.4 times too fast over an
// hour and over the last 5 minutes, or 6 times over six hours and over the last
// 30 minutes. The workbook's windows are for a horizon of half an hour; for
// others they are as much longer or shorter. The budget is the limit of the
// error ratio; requests beyond the limit of the latency count as errors, as
// far as the quantiles tell.
type burn struct {
	ring  ring
	pairs [2]burnPair
}

type burnPair struct {
	long, short time.Duration
	rate        float64
}

// workbook is the horizon that its windows are for.
const workbook = 30 * time.Minute

func newBurn(horizon time.Duration) *burn {
	scale := float64(horizon) / float64(workbook)
	scaled := func(d time.Duration) time.Duration { return time.Duration(scale * float64(d)) }
	b := &burn{pairs: [2]burnPair{
		{scaled(time.Hour), scaled(5 * time.Minute), 14.4},
		{scaled(6 * time.Hour), scaled(30 * time.Minute), 6},
	}}
	b.ring = ring{span: b.pairs[1].long, held: map[[2]string][]timed{}}
	return b
}

func (b *burn) Forecast(dst []Forecast, f *features.Frame) error {
	for i := range dst {
		dst[i] = unknown
		bad, all := badRequests(f, i)
		list := b.ring.push(f, i, [3]float64{bad, all})
		score := 0.0
		for _, p := range b.pairs {
			_, budget := limitsOf(f, i)
			rate := math.Min(ratio(list, f.Time, p.long), ratio(list, f.Time, p.short)) / budget
			score = max(score, half(rate/p.rate))
		}
		if f.At(i, mesh.Up) == 0 {
			score = 1
		}
		dst[i].Score = score
	}
	return nil
}

// badRequests of the newest window: failed, or slower than the limit.
func badRequests(f *features.Frame, i int) (bad, all float64) {
	if i < len(f.Requests) {
		all = features.Amount(f.Requests[i])
	}
	if !(all > 0) {
		return 0, 0
	}
	latency, _ := limitsOf(f, i)
	part := features.Ratio(f.At(i, mesh.ErrorRatio))
	if math.IsNaN(part) {
		part = 0
	}
	for _, q := range [...]struct {
		name string
		over float64
	}{{mesh.LatencyP50, 0.5}, {mesh.LatencyP90, 0.1}, {mesh.LatencyP99, 0.01}} {
		if f.At(i, q.name) > latency {
			part = max(part, q.over)
		}
	}
	return part * all, all
}

// ratio of bad requests over the last span; 0 where there were none. Windows
// overlap alike at all times, so a request counts as often in either sum.
func ratio(list []timed, now time.Time, span time.Duration) float64 {
	bad, all := 0.0, 0.0
	for i := len(list) - 1; i >= 0 && (now.Sub(list[i].at) < span || i == len(list)-1); i-- {
		bad, all = bad+list[i].v[0], all+list[i].v[1]
	}
	if all == 0 {
		return 0
	}
	return bad / all
}
