package features

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// place says where in a schema the known series are; -1 where they are not.
type place struct {
	rate, errors, mean, p50, p90, p99, inFlight, utilization, cpu, memory, up, age int
}

func placeOf(s *mesh.Schema) place {
	return place{
		rate: s.Index(mesh.RequestRate), errors: s.Index(mesh.ErrorRatio),
		mean: s.Index(mesh.LatencyMean), p50: s.Index(mesh.LatencyP50), p90: s.Index(mesh.LatencyP90), p99: s.Index(mesh.LatencyP99),
		inFlight: s.Index(mesh.InFlight), utilization: s.Index(mesh.Utilization),
		cpu: s.Index(mesh.CPU), memory: s.Index(mesh.Memory), up: s.Index(mesh.Up), age: s.Index(mesh.Age),
	}
}

// reading is what one window says of one endpoint, in range or NaN.
type reading struct {
	requests                          float64 // of the span
	rate, errors, mean, p50, p90, p99 float64
	inFlight, utilization             float64
	cpu, memory, up, age              float64
	seen                              bool    // some series other than up has a value
	missing                           float64 // part of the series without a value, for no reason
}

// huge is the largest number that is taken for a value: anything beyond is a
// sentinel or an accident, and its square must not overflow.
const huge = 1e18

// known returns v, or NaN where that is no number to reckon with.
func known(v, low, high float64) float64 {
	if v >= low && v <= high {
		return v
	}
	return math.NaN()
}

// Amount returns a rate, a count or a time, or NaN where that is no number to
// reckon with. Whoever reads windows beside the extractor takes for a value what
// it does.
func Amount(v float64) float64 { return known(v, 0, huge) }

// Ratio returns a part of something, or NaN where it is none. The ratio of two
// rates can exceed 1 by rounding, or when failures are counted elsewhere than
// requests; more than twice is no ratio.
func Ratio(v float64) float64 { return min(known(v, 0, 2), 1) }

func (p *place) read(w *mesh.Window, i int) reading {
	row := w.Row(i)
	at := func(column int, low, high float64) float64 {
		if column < 0 {
			return math.NaN()
		}
		return known(row[column], low, high)
	}
	r := reading{
		rate:   at(p.rate, 0, huge),
		errors: Ratio(at(p.errors, 0, 2)),
		// A latency of 0 is one below the source's resolution.
		mean: at(p.mean, tiny, huge), p50: at(p.p50, tiny, huge), p90: at(p.p90, tiny, huge), p99: at(p.p99, tiny, huge),
		inFlight: at(p.inFlight, 0, huge), utilization: at(p.utilization, 0, huge),
		cpu: at(p.cpu, 0, huge), memory: at(p.memory, 0, huge),
		up: at(p.up, 0, 1), age: at(p.age, 0, huge),
	}
	r.requests = math.NaN()
	if len(w.Requests) > i {
		r.requests = known(w.Requests[i], 0, huge)
	}
	if isNaN(r.requests) {
		r.requests = r.rate * w.End.Sub(w.Start).Seconds()
	}
	if r.requests == 0 { // averages over nothing
		r.errors, r.mean, r.p50, r.p90, r.p99 = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
	}
	r.seen, r.missing = p.presence(row, r.requests == 0)
	if p.age < 0 && r.seen { // as old as the end of the span, for all we know
		r.age = w.Time.Sub(w.End).Seconds()
	}
	return r
}

const tiny = 1e-9

// presence reports whether an endpoint shows any sign of itself, and which
// part of its series has no value. Averages over no requests are not missed.
func (p *place) presence(row []float64, idle bool) (seen bool, missing float64) {
	asked := 0
	for c, v := range row {
		switch {
		case known(v, -huge, huge) == v:
			seen = seen || c != p.up
		case idle && (c == p.errors || c == p.mean || c == p.p50 || c == p.p90 || c == p.p99):
			continue
		default:
			missing++
		}
		asked++
	}
	return seen, missing / float64(max(asked, 1))
}

// typical is the mean latency, or the quantile that comes nearest to it.
func (r *reading) typical() float64 { return first(r.mean, r.p50, r.p90, r.p99) }

// watched is the measured latency nearest to the quantile that is asked for.
func (r *reading) watched(quantile float64) float64 {
	switch {
	case quantile > 0.95:
		return first(r.p99, r.p90, r.p50, r.mean)
	case quantile > 0.7:
		return first(r.p90, r.p99, r.p50, r.mean)
	}
	return first(r.p50, r.mean, r.p90, r.p99)
}
