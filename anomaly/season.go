package anomaly

import "math"

const (
	slots      = 24      // of a day
	slotLength = 60 * 60 // seconds
	// visitWeight is the weight of the newest visit in the level of its slot,
	// when there were many.
	visitWeight = 0.3
	// supports is the part of the error of the slow level below which the error
	// of the slots shows that there is a season.
	supports = 0.9
	// visits is how often an hour must have been visited to be compared with: the
	// first day shows no season.
	visits = 2
	// errorWeight is the weight of the newest error in either.
	errorWeight = 0.005
)

// slot is an hour of the day: how often it was visited, and where the metric
// was on average.
type slot struct{ Visits, Level float64 }

// season is the level by hour of the day. A visit joins its slot when it is
// over, so that what is compared with the slot is an earlier day's. Fields are
// exported to encoding/binary only.
type season struct {
	Slots       [slots]slot
	Now         int32   // slot of the visit under way
	Count       uint32  // of its values
	Sum         float64 // of them
	Errors      float64 // how many errors were counted
	Slot, Level float64 // mean absolute error of the slots, and of the slow level beside them
}

// push returns how far v is from the level of its hour in scales, and whether
// the metric's own past supports a season. The slow level and its scale are
// those from before v; the scale is also the bound, in clips, on what one error
// counts. A time that is unknown has no season.
func (s *season) push(at, v, level, scale, clip float64) (float64, bool) {
	now, ok := hour(at)
	if !ok {
		return 0, false
	}
	if now != s.Now {
		s.leave(clip * scale)
		s.Now = now
	}
	s.Sum += v
	s.Count++
	slot := s.Slots[now]
	if slot.Visits < visits || scale == 0 {
		return 0, false
	}
	supported := s.Errors >= settle && s.Slot < supports*s.Level
	d, wrong := distance(v-slot.Level, s.Slot, level), clip*scale
	s.Errors++
	weight := max(errorWeight, 1/s.Errors)
	s.Slot += weight * (min(math.Abs(v-slot.Level), wrong) - s.Slot)
	s.Level += weight * (min(math.Abs(v-level), wrong) - s.Level)
	return d, supported
}

// leave ends the visit of a slot.
func (s *season) leave(bound float64) {
	if s.Count == 0 {
		return
	}
	slot, mean := &s.Slots[s.Now], s.Sum/float64(s.Count)
	s.Sum, s.Count = 0, 0
	slot.Visits++
	if slot.Visits == 1 {
		slot.Level = mean
		return
	}
	slot.Level += max(visitWeight, 1/slot.Visits) * min(max(mean-slot.Level, -bound), bound)
}

// hour is the hour of the day of a time.
func hour(at float64) (int32, bool) {
	if math.IsNaN(at) || math.Abs(at) > latest {
		return 0, false
	}
	h := int32(math.Mod(math.Floor(at/slotLength), slots))
	if h < 0 {
		h += slots
	}
	return h, true
}

// latest is the largest time in Unix seconds that is taken for one.
const latest = 1e15
