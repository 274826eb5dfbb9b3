package anomaly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// The saved forms begin with these; the last byte is the version.
var (
	trackerMagic = []byte("fwtrack\x01")
	trendMagic   = []byte("fwtrend\x01")
)

// mostMetrics bounds what a saved tracker may claim to watch.
const mostMetrics = 1 << 16

type trackerHeader struct {
	Alpha, Clip                float64
	Warmup, Strongest, Metrics uint32
	Excess                     float64
}

// MarshalBinary saves the tracker, configuration and past.
func (t *Tracker) MarshalBinary() ([]byte, error) {
	h := trackerHeader{t.cfg.Alpha, t.cfg.Clip, uint32(t.cfg.Warmup), uint32(t.cfg.Strongest), uint32(len(t.metrics)), t.excess}
	out := make([]byte, 0, len(trackerMagic)+binary.Size(h)+len(t.metrics)*binary.Size(metric{}))
	out = append(out, trackerMagic...)
	out, err := binary.Append(out, binary.LittleEndian, h)
	if err != nil {
		return nil, err
	}
	return binary.Append(out, binary.LittleEndian, t.metrics)
}

// UnmarshalBinary restores a saved tracker. What was not saved by
// MarshalBinary, or was damaged, is refused, and the tracker stays as it was.
func (t *Tracker) UnmarshalBinary(saved []byte) error {
	rest, ok := bytes.CutPrefix(saved, trackerMagic)
	if !ok {
		return fmt.Errorf("anomaly: saved tracker does not begin with %q: not a tracker, or of another version", trackerMagic)
	}
	var h trackerHeader
	n, err := binary.Decode(rest, binary.LittleEndian, &h)
	if err != nil {
		return fmt.Errorf("anomaly: header of saved tracker: %w", err)
	}
	if want := int64(h.Metrics) * int64(binary.Size(metric{})); h.Metrics > mostMetrics || int64(len(rest)-n) != want {
		return fmt.Errorf("anomaly: saved tracker has %d bytes after its header, %d metrics need %d", len(rest)-n, h.Metrics, want)
	}
	cfg := Config{Alpha: h.Alpha, Clip: h.Clip, Warmup: int(h.Warmup), Strongest: int(h.Strongest)}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("anomaly: saved tracker: %w", err)
	}
	if !sane(h.Excess) {
		return fmt.Errorf("anomaly: saved tracker has a smoothed excess of %v", h.Excess)
	}
	metrics := make([]metric, h.Metrics)
	if _, err := binary.Decode(rest[n:], binary.LittleEndian, metrics); err != nil {
		return fmt.Errorf("anomaly: metrics of saved tracker: %w", err)
	}
	for i := range metrics {
		if err := metrics[i].check(); err != nil {
			return fmt.Errorf("anomaly: metric %d of saved tracker: %w", i, err)
		}
	}
	*t = *restored(cfg, metrics, h.Excess)
	return nil
}

// check reports a memory that no sequence of pushes leaves behind.
func (m *metric) check() error {
	switch {
	case !sane(m.Level) || !sane(m.Low) || !sane(m.High) || m.Low > m.High:
		return fmt.Errorf("level %v in range %v to %v", m.Level, m.Low, m.High)
	case !sane(m.Scale) || m.Scale < 0:
		return fmt.Errorf("scale %v", m.Scale)
	case !sane(m.Recent) || m.Recent < 0:
		return fmt.Errorf("smoothed surprise %v", m.Recent)
	case m.Held >= spell || !(m.Far >= 0 && m.Far <= farthest && m.Out >= 0 && m.Out <= farthest):
		return fmt.Errorf("%d values held, up to %v and %v", m.Held, m.Far, m.Out)
	}
	for _, t := range []*tail{&m.Residual, &m.Outlie} {
		sum := uint64(0)
		for _, c := range t.Counts {
			sum += uint64(c)
		}
		if sum != uint64(t.N) || sum > forgetAt {
			return fmt.Errorf("histogram of %d values says it has %d, at most %d", sum, t.N, forgetAt)
		}
	}
	return nil
}

func sane(x float64) bool { return !math.IsNaN(x) && math.Abs(x) <= 2*largest }

// MarshalBinary saves the trend. The form always has the same length.
func (t *Trend) MarshalBinary() ([]byte, error) {
	return binary.Append(bytes.Clone(trendMagic), binary.LittleEndian, t.s)
}

// UnmarshalBinary restores a saved trend. What was not saved by MarshalBinary,
// or was damaged, is refused, and the trend stays as it was.
func (t *Trend) UnmarshalBinary(saved []byte) error {
	rest, ok := bytes.CutPrefix(saved, trendMagic)
	if !ok {
		return fmt.Errorf("anomaly: saved trend does not begin with %q: not a trend, or of another version", trendMagic)
	}
	var s sums
	n, err := binary.Decode(rest, binary.LittleEndian, &s)
	if err != nil {
		return fmt.Errorf("anomaly: saved trend: %w", err)
	}
	if n != len(rest) {
		return fmt.Errorf("anomaly: saved trend is followed by %d bytes", len(rest)-n)
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("anomaly: saved trend: %w", err)
	}
	t.s = s
	return nil
}
