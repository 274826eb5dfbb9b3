package threat

import (
	"slices"
	"time"
)

// step goes up at once, and down by one when the level has ended.
func (j *Judge) step(s *Subject, want Level, signal, reason string) {
	switch {
	case want > s.level:
		s.level, s.since = want, j.now
		fallthrough
	case want == s.level && want > Low:
		s.until, s.signal, s.reason = j.now.Add(j.settings.Hold), signal, reason
		if s.until.Sub(s.kept) > j.settings.Hold/4 {
			j.change()
		}
	default:
		j.lapse(s)
	}
}

// lapse ends a level whose time is over.
func (j *Judge) lapse(s *Subject) {
	if s.level == Low || j.now.Before(s.until) {
		return
	}
	s.level--
	s.since, s.until = j.now, j.now.Add(j.settings.Hold)
	s.signal, s.reason = signalExpired, "nothing was wrong for "+j.settings.Hold.String()
	if s.level == Low {
		s.until = time.Time{}
	}
}

// expire is lapse for a time in which nobody was judged, which may have been long.
func (s *Subject) expire(now time.Time, hold time.Duration) {
	for s.level > Low && !now.Before(s.until) {
		s.level--
		s.since, s.until = s.until, s.until.Add(hold)
		s.signal, s.reason = signalExpired, "nothing was wrong for "+hold.String()
	}
	if s.level == Low {
		s.until = time.Time{}
	}
}

// pronounceAll puts into force what is known of everybody.
func (j *Judge) pronounceAll() {
	j.said = slices.DeleteFunc(j.said, func(o Override) bool { return !o.Until.IsZero() && !j.now.Before(o.Until) })
	j.inForce = append(append(j.inForce[:0], j.settings.Overrides...), j.said...)
	var at [len(levels)]int64
	for _, s := range j.all() {
		at[j.pronounce(s)]++
	}
	j.pronounce(j.unjudged)
	for i := range at {
		j.metrics.at[i].Store(at[i])
	}
}

// pronounce puts a subject's level into force, and tells of a change.
func (j *Judge) pronounce(s *Subject) Level {
	level, signal, reason, until := s.level, s.signal, s.reason, s.until
	failing := j.failing != "" || s == j.unjudged
	if failing {
		signal, reason, until = signalFailure, "callers cannot be judged: "+j.failing, time.Time{}
		if level = Low; j.settings.OnFailure == Closed {
			level = High
		}
	}
	s.override = nil
	if o := j.overriding(s); o != nil {
		held := *o
		s.override = &held
		level, signal, reason, until = s.override.Level, signalOverride, s.override.Why, s.override.Until
	}
	if s.told != level {
		if signal == "" {
			signal, reason = signalExpired, "an override, or a failure to judge, has ended"
		}
		j.tell(s, level, signal, reason, until)
		s.told = level
		j.change()
	}
	s.tier.Store(uint32(j.tier(s, level)))
	return level
}

// tier is what a level does. Strangers are refused as it is; there is no other
// that could be refused for them.
func (j *Judge) tier(s *Subject, level Level) Tier {
	if level == Low || j.settings.Mode == Off || s == j.strangers.subject {
		return 0
	}
	t := Tier(level)
	if j.settings.Mode == Enforce {
		t |= enforced
	}
	if j.settings.OnHigh == Quarantine {
		t |= quarantined
	}
	return t
}

func (j *Judge) tell(s *Subject, level Level, signal, reason string, until time.Time) {
	if s == j.unjudged {
		return // the failure was told
	}
	j.metrics.changes[change{level, signal}].Inc()
	log := j.cfg.Log.Info
	if level > s.told {
		log = j.cfg.Log.Warn
	}
	log("threat level", "identity", s.name, "from", s.told, "to", level, "signal", signal, "why", reason, "until", until, "mode", j.settings.Mode, "new_services", s.named())
}

func (s *Subject) named() []string {
	s.exampling.Lock()
	defer s.exampling.Unlock()
	return slices.Clone(s.examples)
}
