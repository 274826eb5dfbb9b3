package datasets

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Split cuts a recording by time into a part to learn from, a part to choose
// and calibrate with, and a part that judges. Between two parts lies a purge
// gap, so that no window of the later one sees a sample that a label of the
// earlier one saw.
type Split struct {
	Start, TrainEnd                time.Time
	ValidationStart, ValidationEnd time.Time
	TestStart, End                 time.Time
}

// Part is one of the three parts of a split, or none.
type Part uint8

// The parts, in order of time.
const (
	None Part = iota // before, after, or in a purge gap
	Train
	Validation
	Test
)

var partNames = [...]string{None: "", Train: "train", Validation: "validation", Test: "test"}

func (p Part) String() string { return partNames[p] }

// MarshalText writes the part's name.
func (p Part) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the part's name; the empty one is None.
func (p *Part) UnmarshalText(text []byte) error {
	i := slices.Index(partNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no part of a split; want train, validation or test", text)
	}
	*p = Part(i)
	return nil
}

// Part says where a decision at time t belongs.
func (s *Split) Part(t time.Time) Part {
	switch {
	case t.Before(s.Start) || t.After(s.End):
		return None
	case t.Before(s.TrainEnd):
		return Train
	case !t.Before(s.ValidationStart) && t.Before(s.ValidationEnd):
		return Validation
	case !t.Before(s.TestStart):
		return Test
	}
	return None
}

// trainShare and validationShare of the time; the rest is the test's.
const trainShare, validationShare = 0.6, 0.2

// Split cuts 60/20/20 by time, unless the whole recording is one part.
func (r *Recording) Split(t mesh.Timing) Split {
	start, end := r.Dump.Span()
	if r.Manifest.Part != None {
		return whole(r.Manifest.Part, start, end)
	}
	span := end.Sub(start)
	at := func(share float64) time.Time {
		return start.Add(time.Duration(share * float64(span))).Truncate(t.Step)
	}
	s := Split{Start: start, TrainEnd: at(trainShare), ValidationEnd: at(trainShare + validationShare), End: end}
	s.ValidationStart = s.TrainEnd.Add(t.Purge())
	s.TestStart = s.ValidationEnd.Add(t.Purge())
	return s
}

// Whole is the part that all of the recording is, or None.
func (s *Split) Whole() Part {
	switch {
	case s.TrainEnd.After(s.End):
		return Train
	case s.TrainEnd.After(s.Start):
		return None
	case s.ValidationEnd.After(s.End):
		return Validation
	}
	return Test
}

// whole is the split of a recording that is one part: the others have no time.
func whole(part Part, start, end time.Time) Split {
	s := Split{Start: start, TrainEnd: start, ValidationStart: start, ValidationEnd: start, TestStart: start, End: end}
	over := end.Add(1)
	if part == Train {
		s.TrainEnd, s.ValidationStart = over, over
	}
	if part != Test {
		s.ValidationEnd, s.TestStart = over, over
	}
	return s
}
