package anomaly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The saved forms begin with these; the last byte is the version.
var (
	trackerMagic = []byte("fwtrack\x02")
	trendMagic   = []byte("fwtrend\x01")
)

// mostMetrics bounds what a saved tracker may claim to watch.
const mostMetrics = 1 << 16

type trackerHeader struct {
	Alpha, Clip                        float64
	Warmup, Strongest, Metrics, Golden uint32
	Excess                             float64
}

// MarshalBinary saves the tracker, configuration and past: a header, the
// metrics, and of each golden metric its place, how many values are recalled,
// and those.
func (t *Tracker) MarshalBinary() ([]byte, error) {
	h := trackerHeader{t.cfg.Alpha, t.cfg.Clip, uint32(t.cfg.Warmup), uint32(t.cfg.Strongest), uint32(len(t.metrics)), uint32(len(t.golden)), t.excess}
	out := make([]byte, 0, len(trackerMagic)+binary.Size(h)+len(t.metrics)*binary.Size(metric{}))
	out = append(out, trackerMagic...)
	out, err := binary.Append(out, binary.LittleEndian, h)
	if err != nil {
		return nil, err
	}
	if out, err = binary.Append(out, binary.LittleEndian, t.metrics); err != nil {
		return nil, err
	}
	for i := range t.golden {
		values := t.golden[i].recent()
		out = binary.LittleEndian.AppendUint32(out, uint32(t.cfg.Golden[i]))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(values)))
		if out, err = binary.Append(out, binary.LittleEndian, values); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	rest = rest[n:]
	need := int64(h.Metrics) * int64(binary.Size(metric{}))
	if h.Metrics > mostMetrics || h.Golden > h.Metrics || int64(len(rest)) < need {
		return fmt.Errorf("anomaly: saved tracker has %d bytes after its header, %d metrics need %d", len(rest), h.Metrics, need)
	}
	metrics := make([]metric, h.Metrics)
	if n, err = binary.Decode(rest, binary.LittleEndian, metrics); err != nil {
		return fmt.Errorf("anomaly: metrics of saved tracker: %w", err)
	}
	cfg := Config{Alpha: h.Alpha, Clip: h.Clip, Warmup: int(h.Warmup), Strongest: int(h.Strongest)}
	stretches, err := cfg.readGolden(rest[n:], int(h.Golden))
	if err != nil {
		return err
	}
	if err := errors.Join(cfg.Validate(), h.check(metrics)); err != nil {
		return fmt.Errorf("anomaly: saved tracker: %w", err)
	}
	if n := len(cfg.Golden); n > 0 && cfg.Golden[n-1] >= len(metrics) {
		return fmt.Errorf("anomaly: saved tracker has golden metrics at %d, and %d metrics", cfg.Golden, len(metrics))
	}
	restored := New(len(metrics), cfg)
	restored.excess = h.Excess
	copy(restored.metrics, metrics)
	for i, values := range stretches {
		restored.golden[i].values = append(restored.golden[i].values, values...)
	}
	*t = *restored
	return nil
}

// readGolden reads what is recalled of so many golden metrics, which must be
// all that is left.
func (c *Config) readGolden(rest []byte, golden int) ([][]float64, error) {
	var all [][]float64
	for range golden {
		var head struct{ Place, Values uint32 }
		n, err := binary.Decode(rest, binary.LittleEndian, &head)
		if err != nil || head.Values > stretch+recall || head.Place > mostMetrics {
			return nil, fmt.Errorf("anomaly: saved tracker recalls %d values of golden metric %d, at most %d can be (%v)", head.Values, head.Place, stretch+recall, err)
		}
		values := make([]float64, head.Values)
		m, err := binary.Decode(rest[n:], binary.LittleEndian, values)
		if err != nil {
			return nil, fmt.Errorf("anomaly: golden metric %d of saved tracker is cut off: it needs %d values: %w", head.Place, head.Values, err)
		}
		for _, v := range values {
			if !sane(v) {
				return nil, fmt.Errorf("anomaly: golden metric %d of saved tracker has value %v", head.Place, v)
			}
		}
		c.Golden, all, rest = append(c.Golden, int(head.Place)), append(all, values), rest[n+m:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("anomaly: %d bytes follow the saved tracker, which need not be there", len(rest))
	}
	return all, nil
}

// check reports what no sequence of pushes leaves behind.
func (h *trackerHeader) check(metrics []metric) error {
	if !sane(h.Excess) {
		return fmt.Errorf("smoothed excess is %v", h.Excess)
	}
	for i := range metrics {
		if err := metrics[i].check(); err != nil {
			return fmt.Errorf("metric %d: %w", i, err)
		}
	}
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
	}
	for _, p := range []*past{&m.Residual, &m.Outlie, &m.Seasonal, &m.Strays} {
		if err := p.check(); err != nil {
			return err
		}
	}
	return m.Season.check()
}

func (p *past) check() error {
	if p.Held >= spell || !(p.Far >= 0 && p.Far <= farthest) {
		return fmt.Errorf("%d values held, up to %v", p.Held, p.Far)
	}
	sum := uint64(0)
	for _, c := range p.Counts {
		sum += uint64(c)
	}
	if sum != uint64(p.N) || sum > forgetAt {
		return fmt.Errorf("histogram of %d values says it has %d, at most %d", sum, p.N, forgetAt)
	}
	return nil
}

func (s *season) check() error {
	for _, slot := range s.Slots {
		if !sane(slot.Level) || !(slot.Visits >= 0 && sane(slot.Visits)) {
			return fmt.Errorf("hour of level %v and %v visits", slot.Level, slot.Visits)
		}
	}
	counted := float64(s.Count)
	switch {
	case s.Now < 0 || s.Now >= slots || math.IsNaN(s.Sum) || math.Abs(s.Sum) > 2*largest*counted:
		return fmt.Errorf("visit of hour %d with sum %v of %d values", s.Now, s.Sum, s.Count)
	case !(s.Errors >= 0 && s.Slot >= 0 && s.Level >= 0) || !sane(s.Errors) || !sane(s.Slot) || !sane(s.Level):
		return fmt.Errorf("season with errors %v and %v of %v values", s.Slot, s.Level, s.Errors)
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
