package anomaly

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The saved forms begin with these; the last byte is the version.
var (
	correlationMagic = []byte("fwcorre\x01")
	conditionMagic   = []byte("fwcondi\x01")
	peersMagic       = []byte("fwpeers\x01")
	peerMagic        = []byte("fwpeer1\x01")
)

// mostRank bounds what a saved correlation may claim.
const mostRank = 1 << 8

type correlationHeader struct {
	Metrics, Rank uint32
	N             float64
}

// MarshalBinary saves the correlation.
func (c *Correlation) MarshalBinary() ([]byte, error) {
	return encode(correlationMagic, correlationHeader{uint32(c.metrics), uint32(c.rank), c.n}, c.axes)
}

// UnmarshalBinary restores a saved correlation. What was not saved by
// MarshalBinary, or was damaged, is refused, and the correlation stays as it was.
func (c *Correlation) UnmarshalBinary(saved []byte) error {
	var h correlationHeader
	rest, err := decode("correlation", saved, correlationMagic, &h)
	if err != nil {
		return err
	}
	if h.Metrics > mostMetrics || h.Rank > mostRank || h.Rank > 0 && h.Rank >= h.Metrics {
		return fmt.Errorf("anomaly: saved correlation claims rank %d of %d metrics", h.Rank, h.Metrics)
	}
	if want := 8 * int64(h.Metrics) * int64(h.Rank); int64(len(rest)) != want {
		return fmt.Errorf("anomaly: saved correlation has %d bytes of axes, want %d", len(rest), want)
	}
	restored := NewCorrelation(int(h.Metrics), int(h.Rank))
	restored.n = h.N
	if _, err := binary.Decode(rest, binary.LittleEndian, restored.axes); err != nil {
		return fmt.Errorf("anomaly: axes of saved correlation: %w", err)
	}
	if err := restored.check(); err != nil {
		return fmt.Errorf("anomaly: saved correlation: %w", err)
	}
	*c = *restored
	return nil
}

type conditionHeader struct {
	Metrics, Bonds uint32 // how many metrics; bytes of the correlation that follows them
	Usual          [measures]Level
	Among          exceedance
	Short, Long, N float64
	Held           bool
}

// MarshalBinary saves the condition.
func (c *Condition) MarshalBinary() ([]byte, error) {
	bonds, err := c.bonds.MarshalBinary()
	if err != nil {
		return nil, err
	}
	h := conditionHeader{uint32(len(c.metrics)), uint32(len(bonds)), c.usual, c.among, c.short, c.long, c.n, c.held}
	out, err := encode(conditionMagic, h, c.metrics)
	return append(out, bonds...), err
}

// UnmarshalBinary restores a saved condition. What was not saved by
// MarshalBinary, or was damaged, is refused, and the condition stays as it was.
func (c *Condition) UnmarshalBinary(saved []byte) error {
	var h conditionHeader
	rest, err := decode("condition", saved, conditionMagic, &h)
	if err != nil {
		return err
	}
	metrics := int64(h.Metrics) * int64(binary.Size(course{}))
	if h.Metrics > mostMetrics || int64(len(rest)) != metrics+int64(h.Bonds) {
		return fmt.Errorf("anomaly: saved condition has %d bytes after its header, %d metrics need %d and their correlation %d", len(rest), h.Metrics, metrics, h.Bonds)
	}
	restored := NewCondition(int(h.Metrics))
	if _, err := binary.Decode(rest, binary.LittleEndian, restored.metrics); err != nil {
		return fmt.Errorf("anomaly: metrics of saved condition: %w", err)
	}
	if err := restored.bonds.UnmarshalBinary(rest[metrics:]); err != nil {
		return err
	}
	restored.usual, restored.among, restored.short, restored.long, restored.n, restored.held = h.Usual, h.Among, h.Short, h.Long, h.N, h.Held
	if err := restored.check(); err != nil {
		return fmt.Errorf("anomaly: saved condition: %w", err)
	}
	*c = *restored
	return nil
}

// check reports a memory that no sequence of pushes leaves behind.
func (c *Condition) check() error {
	if c.bonds.Len() != len(c.metrics) || c.bonds.rank != min(jointMoves, max(len(c.metrics)-1, 0)) {
		return fmt.Errorf("correlation of %d metrics with rank %d for %d metrics", c.bonds.Len(), c.bonds.rank, len(c.metrics))
	}
	if !sane(c.short) || !sane(c.long) || !(c.n >= 0) || c.short < 0 || c.long < 0 {
		return fmt.Errorf("%v and %v times the usual after %v pushes", c.short, c.long, c.n)
	}
	for k := range c.usual {
		if err := c.usual[k].check(); err != nil {
			return fmt.Errorf("usual mean square: %w", err)
		}
	}
	for j := range c.metrics {
		m := &c.metrics[j]
		if !sane(m.Last) || !sane(m.Fast) || !sane(m.Recent) || m.Recent < 0 {
			return fmt.Errorf("metric %d: last value %v, fast mean %v, mean square %v", j, m.Last, m.Fast, m.Recent)
		}
		for k := range m.Past {
			if err := m.Past[k].check(); err != nil {
				return fmt.Errorf("metric %d: %w", j, err)
			}
		}
	}
	return c.among.check()
}

// MarshalBinary saves the comparison, without its endpoints: each Peer is saved
// on its own.
func (p *Peers) MarshalBinary() ([]byte, error) {
	return encode(peersMagic, uint32(len(p.spread)), p.spread)
}

// UnmarshalBinary restores a saved comparison. What was not saved by
// MarshalBinary, or was damaged, is refused, and the comparison stays as it was.
func (p *Peers) UnmarshalBinary(saved []byte) error {
	spread, err := decodeAll[Level]("peers", saved, peersMagic)
	if err != nil {
		return err
	}
	for m := range spread {
		if err := spread[m].check(); err != nil {
			return fmt.Errorf("anomaly: metric %d of saved peers: %w", m, err)
		}
	}
	*p = Peers{spread: spread}
	return nil
}

// MarshalBinary saves what is remembered of an endpoint.
func (p *Peer) MarshalBinary() ([]byte, error) {
	return encode(peerMagic, uint32(len(p.metrics)), p.metrics)
}

// UnmarshalBinary restores a saved endpoint. What was not saved by
// MarshalBinary, or was damaged, is refused, and the endpoint stays as it was.
func (p *Peer) UnmarshalBinary(saved []byte) error {
	metrics, err := decodeAll[standing]("peer", saved, peerMagic)
	if err != nil {
		return err
	}
	for m := range metrics {
		s := &metrics[m]
		err := s.Own.check()
		if err == nil {
			err = s.Usual.check()
		}
		if err == nil && (!sane(s.Recent) || s.Recent < 0 || s.Held >= spell) {
			err = fmt.Errorf("strangeness %v, %d values held", s.Recent, s.Held)
		}
		if err != nil {
			return fmt.Errorf("anomaly: metric %d of saved peer: %w", m, err)
		}
	}
	*p = Peer{metrics: metrics}
	return nil
}

func encode(magic []byte, header, body any) ([]byte, error) {
	out, err := binary.Append(bytes.Clone(magic), binary.LittleEndian, header)
	if err != nil {
		return nil, err
	}
	return binary.Append(out, binary.LittleEndian, body)
}

// decode reads the header of a saved what and returns the rest.
func decode(what string, saved, magic []byte, header any) ([]byte, error) {
	rest, ok := bytes.CutPrefix(saved, magic)
	if !ok {
		return nil, fmt.Errorf("anomaly: saved %s does not begin with %q: not a %s, or of another version", what, magic, what)
	}
	n, err := binary.Decode(rest, binary.LittleEndian, header)
	if err != nil {
		return nil, fmt.Errorf("anomaly: header of saved %s: %w", what, err)
	}
	return rest[n:], nil
}

// decodeAll reads a saved what that is so many equal parts.
func decodeAll[T any](what string, saved, magic []byte) ([]T, error) {
	var metrics uint32
	rest, err := decode(what, saved, magic, &metrics)
	if err != nil {
		return nil, err
	}
	var one T
	if want := int64(metrics) * int64(binary.Size(one)); metrics > mostMetrics || int64(len(rest)) != want {
		return nil, fmt.Errorf("anomaly: saved %s has %d bytes after its header, %d metrics need %d", what, len(rest), metrics, want)
	}
	all := make([]T, metrics)
	if _, err := binary.Decode(rest, binary.LittleEndian, all); err != nil {
		return nil, fmt.Errorf("anomaly: metrics of saved %s: %w", what, err)
	}
	return all, nil
}
