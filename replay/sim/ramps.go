package sim

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// ramp sets how far an endpoint is on its way to a failure, or what it is
// after it. Memory grows evenly; the others slowly at first, as what wears out
// does: they are half as bad as at the brink when seven tenths of the lead are
// over.
func (f *fault) ramp(now int64, idle float64) {
	progress := min(float64(now-f.from)/float64(f.Lead), 1)
	broken := now >= f.fails && !f.decoy
	worse := progress * progress
	switch f.Kind {
	case MemoryRamp:
		f.memory, f.down = progress*(f.Brink-1)*idle, broken
	case LatencyRamp:
		if f.slower = 1 + worse*(f.Brink-1); broken {
			f.slower = f.Factor
		}
	case ErrorRamp:
		if f.failing = worse * f.Brink; broken {
			f.failing = f.Ratio
		}
	}
}

// breaks says when the endpoint fails, if it does: at once, or after the lead.
// A restart is meant, a decoy recovers, and some things are too small: by the
// origin's alert on errors, or since no limit of the latency is that narrow.
func (f *fault) breaks() (at int64, ok bool) {
	switch f.Kind {
	case Leak, Saturation, MemoryRamp, LatencyRamp, ErrorRamp:
		return f.fails, !f.decoy
	case Errors, SinkHole:
		return f.from, f.Ratio > mesh.DefaultObjective().MaxErrorRatio
	case Slow:
		return f.from, f.Factor >= 2
	case Restart:
		return 0, false
	case Stall:
		return f.from, f.to-f.from >= int64(time.Second)
	}
	return f.from, true
}

// checkBreak reports what a ramp lacks: where it breaks, and what it is then.
func (e *Event) checkBreak(need func(ok bool, field string, value any, want string)) {
	switch e.Kind {
	case MemoryRamp:
		need(e.Brink > 1 && !math.IsInf(e.Brink, 0), "brink", e.Brink, "more than 1")
	case LatencyRamp:
		need(e.Brink > 1 && !math.IsInf(e.Brink, 0), "brink", e.Brink, "more than 1")
		need(e.Factor >= e.Brink && !math.IsInf(e.Factor, 0), "factor", e.Factor, "at least the brink")
	case ErrorRamp:
		need(e.Brink > 0 && e.Brink <= 1, "brink", e.Brink, "more than 0 and at most 1")
		need(e.Ratio >= e.Brink && e.Ratio <= 1, "ratio", e.Ratio, "at least the brink and at most 1")
	}
}
