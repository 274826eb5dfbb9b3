package main

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// compareTurn is what a policy brought in a block.
type compareTurn struct {
	took     []float64     // seconds, in order of size; a failure took the deadline
	failed   int           // no answer by the deadline, or a 5xx
	turnover float64       // parts of the traffic that changed their endpoint, per minute
	seconds  []turnSecond  // in order
	sent     time.Duration // 99 % of the requests were sent at most so late
	late     time.Duration // 99 % of waits of 10 ms ended at most so late
}

// turnSecond is what was due in one second.
type turnSecond struct {
	took     []float64 // in order of size
	degraded float64   // part of the answers that the degrading endpoint gave
}

// newTurn sums up answers, which are in order of when they were due.
func newTurn(taken *lab.Taken, length, deadline time.Duration, degrading string) compareTurn {
	t := compareTurn{seconds: make([]turnSecond, int((length+time.Second-1)/time.Second)), sent: taken.Sent.P99, late: taken.Late.P99}
	answered := make([]map[string]float64, len(t.seconds))
	for _, a := range taken.Answers {
		took := a.Latency.Seconds()
		if a.Failed() {
			took = deadline.Seconds()
			t.failed++
		}
		t.took = append(t.took, took)
		i := min(max(int(a.At.Sub(taken.Start)/time.Second), 0), len(t.seconds)-1)
		t.seconds[i].took = append(t.seconds[i].took, took)
		if a.Endpoint != "" {
			if answered[i] == nil {
				answered[i] = map[string]float64{}
			}
			answered[i][a.Endpoint]++
		}
	}
	slices.Sort(t.took)
	for i := range t.seconds {
		slices.Sort(t.seconds[i].took)
		t.seconds[i].degraded = shareOf(answered[i], degrading)
	}
	t.turnover = turnoverOf(answered) * 60
	return t
}

// disturbed reports whether the machine had no time for the turn.
func (t *compareTurn) disturbed(maxDelay time.Duration) bool {
	return t.sent > maxDelay || t.late > maxDelay
}

func shareOf(counts map[string]float64, name string) float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	return counts[name] / sum // NaN where nobody answered
}

// turnoverOf is the mean total variation between the shares of one second and those of
// the next. Requests that are drawn one by one bring some by themselves.
func turnoverOf(answered []map[string]float64) float64 {
	sum, pairs := 0.0, 0.0
	for i := 1; i < len(answered); i++ {
		if len(answered[i-1]) == 0 || len(answered[i]) == 0 {
			continue
		}
		names := map[string]bool{}
		for _, counts := range answered[i-1 : i+1] {
			for name := range counts {
				names[name] = true
			}
		}
		for name := range names {
			sum += math.Abs(shareOf(answered[i], name)-shareOf(answered[i-1], name)) / 2
		}
		pairs++
	}
	return sum / pairs
}

// percentile is the smallest of the sorted values that so many percent do not exceed;
// NaN where there are none.
func percentile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// compareRow is what became of a policy. Times are in seconds.
type compareRow struct {
	policy                  comparePolicy
	requests                int
	p50, p90, p99           finding.Estimate
	errors, ratio, turnover finding.Estimate // errors: failures of a block
	p99Drawn, errorsDrawn   ope.Sample
}

// The doubt of the figures.
const (
	compareLevel = 0.95
	compareDraws = 4000
)

// compareRows sums up the blocks of each policy. Intervals are the bootstrap's over
// whole blocks, with the same draws for all policies, so that differences are paired.
func compareRows(policies []comparePolicy, turns [][]compareTurn, seed uint64) ([]compareRow, *ope.Bootstrap) {
	blocks := make([]int, len(turns[0]))
	for i := range blocks {
		blocks[i] = i
	}
	b := ope.NewBootstrap(blocks, compareDraws, compareLevel, seed)
	var rows []compareRow
	for i, policy := range policies {
		r := compareRow{policy: policy}
		pool := newPool(turns[i])
		r.requests = len(pool.took)
		r.p50 = b.Estimate(b.Sample(func(drawn []int) float64 { return pool.percentile(drawn, 50) }))
		r.p90 = b.Estimate(b.Sample(func(drawn []int) float64 { return pool.percentile(drawn, 90) }))
		r.p99Drawn = b.Sample(func(drawn []int) float64 { return pool.percentile(drawn, 99) })
		r.errorsDrawn = b.Sample(meanOver(turns[i], func(t compareTurn) (float64, float64) { return float64(t.failed), 1 }))
		r.p99, r.errors = b.Estimate(r.p99Drawn), b.Estimate(r.errorsDrawn)
		r.ratio = b.Estimate(b.Sample(meanOver(turns[i], func(t compareTurn) (float64, float64) { return float64(t.failed), float64(len(t.took)) })))
		r.turnover = b.Estimate(b.Sample(meanOver(turns[i], func(t compareTurn) (float64, float64) { return t.turnover, 1 })))
		rows = append(rows, r)
	}
	return rows, b
}

// meanOver is the sum of something over the sum of its weights, over the drawn blocks.
func meanOver(turns []compareTurn, of func(compareTurn) (x, weight float64)) ope.Statistic {
	return func(drawn []int) float64 {
		sum, weights := 0.0, 0.0
		for _, block := range drawn {
			x, weight := of(turns[block])
			sum, weights = sum+x, weights+weight
		}
		return sum / weights
	}
}

// pool has the latencies of all blocks, in order of size.
type pool struct {
	took   []float64
	block  []int // that each is of
	counts []int // scratch: how often a block was drawn
}

func newPool(turns []compareTurn) *pool {
	p := &pool{counts: make([]int, len(turns))}
	next := make([]int, len(turns)) // of each block, whose own are sorted
	for {
		least := -1
		for block, t := range turns {
			if next[block] < len(t.took) && (least < 0 || t.took[next[block]] < turns[least].took[next[least]]) {
				least = block
			}
		}
		if least < 0 {
			return p
		}
		p.took, p.block = append(p.took, turns[least].took[next[least]]), append(p.block, least)
		next[least]++
	}
}

// percentile is that of the drawn blocks together.
func (p *pool) percentile(drawn []int, percent int) float64 {
	clear(p.counts)
	for _, block := range drawn {
		p.counts[block]++
	}
	size := 0
	for _, block := range p.block {
		size += p.counts[block]
	}
	rank := max((size*percent+99)/100, 1)
	for i, block := range p.block {
		if rank -= p.counts[block]; rank <= 0 {
			return p.took[i]
		}
	}
	return math.NaN()
}
