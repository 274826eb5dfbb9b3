package sim

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// slotCount is into how many parts the time of a run is cut.
const slotCount = 120

// measure keeps what becomes the result.
type measure struct {
	result  *Result
	warmUp  int64
	width   int64 // of a slot
	sum     float64
	inSlots []slotSum
	levels  []int // arrivals × endpoints that found so many in flight
	bins    bins
	moved   float64 // total variation of the weights
	minutes float64
}

type slotSum struct {
	sum       float64
	latencies Histogram
}

func newMeasure(res *Result, s *Scenario) *measure {
	m := &measure{result: res, warmUp: int64(s.WarmUp), width: (int64(s.Duration) + slotCount - 1) / slotCount}
	m.minutes = s.Duration.Minutes()
	m.inSlots = make([]slotSum, slotCount)
	res.Slots = make([]Slot, slotCount)
	sent := make([]int, slotCount*s.Count())
	for k := range res.Slots {
		res.Slots[k].Start = time.Duration(int64(k) * m.width)
		res.Slots[k].Sent = sent[k*s.Count() : (k+1)*s.Count() : (k+1)*s.Count()]
	}
	res.Latency, res.InFlight = &Histogram{}, &Histogram{}
	return m
}

func (m *measure) slot(t int64) int { return min(int(t/m.width), slotCount-1) }

func (m *measure) send(now int64, i int) {
	m.result.Slots[m.slot(now)].Sent[i]++
	m.bins.send(now, i)
}

// request counts one that ended. latency is in seconds, the deadline for one
// that failed.
func (m *measure) request(arrived int64, latency float64, failed, expired bool) {
	k := m.slot(arrived)
	slot, sums := &m.result.Slots[k], &m.inSlots[k]
	slot.Requests++
	sums.sum += latency
	sums.latencies.Add(latency)
	if failed {
		slot.Failed++
	}
	if arrived < m.warmUp {
		return
	}
	m.result.Requests++
	m.sum += latency
	m.result.Latency.Add(latency)
	if failed {
		m.result.Failed++
	}
	if expired {
		m.result.Expired++
	}
}

// level notes that so many arrivals found an endpoint with n in flight.
func (m *measure) level(n, arrivals int) {
	for len(m.levels) <= n {
		m.levels = append(m.levels, 0)
	}
	m.levels[n] += arrivals
}

// publish notes the change of weights.
func (m *measure) publish(before, after mesh.Weights) {
	for i := range after {
		m.moved += math.Abs(after[i]-before[i]) / 2
	}
}

func (m *measure) finish() {
	res := m.result
	res.Mean = m.sum / float64(res.Requests)
	for n, count := range m.levels {
		res.InFlight.AddN(float64(n), count)
	}
	for k := range res.Slots {
		slot, sums := &res.Slots[k], &m.inSlots[k]
		slot.Latency = sums.sum / float64(slot.Requests)
		slot.P99 = sums.latencies.Quantile(0.99)
	}
	res.Churn = m.moved / m.minutes
}
