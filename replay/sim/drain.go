package sim

import "time"

// bins count requests by time and endpoint, finer than slots: so wide that an
// endpoint gets some twenty in each.
type bins struct {
	width     int64 // 0: not counted
	endpoints int
	sent      []int32
}

const (
	perBin   = 20
	maxCells = 4e6 // bins × endpoints
)

func newBins(s *Scenario, rate float64) bins {
	n := s.Count()
	width := max(int64(perBin*float64(n)/rate*1e9), int64(float64(s.Duration)*float64(n)/maxCells), 1)
	return bins{width, n, make([]int32, (int64(s.Duration)/width+1)*int64(n))}
}

func (b *bins) send(now int64, i int) {
	if b.width == 0 {
		return
	}
	if k := int(now/b.width)*b.endpoints + i; k < len(b.sent) {
		b.sent[k]++
	}
}

// first is the first bin that begins at or after from in which the share of
// endpoint i is below (or not below) a part of its fair share, and its start.
func (b *bins) first(from, to int64, i int, fair float64, below bool) (int64, bool) {
	for k := (from + b.width - 1) / b.width; k*b.width < to && int(k+1)*b.endpoints <= len(b.sent); k++ {
		row := b.sent[int(k)*b.endpoints : int(k+1)*b.endpoints]
		sum := 0
		for _, n := range row {
			sum += int(n)
		}
		if sum > 0 && (float64(row[i])/float64(sum) < fair) == below {
			return k * b.width, true
		}
	}
	return to, false
}

// drains finds how soon the endpoints of faults lost their requests, and got
// them back.
func (m *measure) drains(faults []*fault, fair []float64, end int64) {
	for _, f := range faults {
		from, ok := f.drains()
		if !ok || from >= end || from < m.warmUp {
			continue
		}
		i, to := int(f.endpoint), min(f.to, end)
		at, drained := m.bins.first(from, to, i, fair[i]/10, true)
		m.result.Drain = append(m.result.Drain, time.Duration(at-from))
		if !drained {
			m.result.NotDrained++
		}
		if to == end {
			continue
		}
		at, returned := m.bins.first(to, end, i, fair[i]/2, false)
		m.result.Return = append(m.result.Return, time.Duration(at-to))
		if !returned {
			m.result.NotReturned++
		}
	}
}
