package anomaly

import (
	"bytes"
	"fmt"
)

// The saved forms begin with these; the last byte is the version.
var (
	detectorMagic = []byte("fwdetec\x01")
	tableMagic    = []byte("fwtable\x01")
)

type detectorHeader struct {
	Line  float64
	Rest  int64
	Alarm Alarm
}

// MarshalBinary saves the detector, configuration and past: a header and its
// tracker.
func (d *Detector) MarshalBinary() ([]byte, error) {
	tracker, err := d.tracker.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return encode(detectorMagic, detectorHeader{d.cfg.Line, int64(d.cfg.Rest), d.alarm}, tracker)
}

// UnmarshalBinary restores a saved detector. What was not saved by
// MarshalBinary, or was damaged, is refused, and the detector stays as it was.
func (d *Detector) UnmarshalBinary(saved []byte) error {
	var h detectorHeader
	rest, err := decode("detector", saved, detectorMagic, &h)
	if err != nil {
		return err
	}
	a := &h.Alarm
	if !sane(h.Line) || !sane(a.Surprise) || !sane(a.Silent) || !(a.Heard >= 0 && sane(a.Heard)) || !(a.Alerts >= 0 && sane(a.Alerts)) {
		return fmt.Errorf("anomaly: saved detector has line %v and alarm %+v", h.Line, *a)
	}
	var tracker Tracker
	if err := tracker.UnmarshalBinary(rest); err != nil {
		return fmt.Errorf("anomaly: saved detector: %w", err)
	}
	*d = Detector{tracker: &tracker, alarm: *a, cfg: AlarmConfig{h.Line, int(h.Rest)}, dst: make([]float64, tracker.Len())}
	return nil
}

// MarshalBinary saves the table: the detector of few metrics, or the condition of
// more.
func (t *Table) MarshalBinary() ([]byte, error) {
	form, err := t.part().MarshalBinary()
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(tableMagic), form...), nil
}

func (t *Table) part() interface{ MarshalBinary() ([]byte, error) } {
	if t.condition != nil {
		return t.condition
	}
	return t.onsets
}

// UnmarshalBinary restores a saved table. What was not saved by MarshalBinary, or
// was damaged, is refused, and the table stays as it was.
func (t *Table) UnmarshalBinary(saved []byte) error {
	rest, ok := bytes.CutPrefix(saved, tableMagic)
	if !ok {
		return fmt.Errorf("anomaly: saved table does not begin with %q: not a table, or of another version", tableMagic)
	}
	var restored Table
	few := bytes.HasPrefix(rest, detectorMagic)
	var part interface{ UnmarshalBinary([]byte) error }
	if few {
		restored.onsets = new(Detector)
		part = restored.onsets
	} else {
		restored.condition = new(Condition)
		part = restored.condition
	}
	if err := part.UnmarshalBinary(rest); err != nil {
		return fmt.Errorf("anomaly: saved table: %w", err)
	}
	if few != (restored.Len() <= fewMetrics) {
		return fmt.Errorf("anomaly: saved table of %d metrics has a detector: %v; up to %d have one", restored.Len(), few, fewMetrics)
	}
	*t = restored
	return nil
}
