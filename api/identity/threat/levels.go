package threat

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of a saved text, in bytes.
const (
	longestName   = 2048
	longestReason = 4096
	longestSaid   = 3 * longestExample // an example whose bytes were no UTF-8
)

// mostAhead is how far a saved text may be ahead of the clock: it went backwards, as it
// may while the judge runs. Beyond that, nothing in it can be believed.
const mostAhead = 24 * time.Hour

// Changed receives after a level or an override has changed, so that they should be
// saved: one for any number of changes.
func (j *Judge) Changed() <-chan struct{} { return j.changed }

func (j *Judge) change() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// SaveLevels is who is raised, why and until when, and what operators said while
// running. It is nil while the mode is off, in which nothing is kept.
func (j *Judge) SaveLevels() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.settings.Mode == Off {
		return nil
	}
	p := begin(levelsFormat)
	p.time(j.now)
	p.count(len(j.said))
	for i := range j.said {
		o := &j.said[i]
		p.text(o.Identity)
		p.count(int(o.Level))
		p.time(o.Until)
		p.text(o.Why)
	}
	for _, s := range j.all() {
		if (s.level > Low || s.told > Low) && s.nameable() {
			s.saveLevel(&p)
			s.kept = s.until
		}
	}
	return p.seal(levelsFormat)
}

// nameable tells whether a subject can be saved: longer names have authorities of which
// nothing can be expected.
func (s *Subject) nameable() bool { return s.name != "" && len(s.name) <= longestName }

func (s *Subject) saveLevel(p *packer) {
	p.text(s.name)
	p.count(int(s.level))
	p.count(int(s.told))
	p.time(s.since)
	p.time(s.until)
	p.count(slices.Index(signals, s.signal) + 1)
	p.text(s.reason[:min(len(s.reason), longestReason)])
	examples := s.named()
	p.count(len(examples))
	for _, e := range examples {
		p.text(e)
	}
}

// savedLevel is that of one subject.
type savedLevel struct {
	name           string
	level, told    Level
	since, until   time.Time
	signal, reason string
	examples       []string
}

func (u *unpacker) level() (l savedLevel) {
	l.name = u.text(longestName)
	l.level, l.told = Level(u.count(int(High))), Level(u.count(int(High)))
	l.since, l.until = u.time(), u.time()
	if signal := u.count(len(signals)); signal > 0 {
		l.signal = signals[signal-1]
	}
	l.reason = strings.ToValidUTF8(u.text(longestReason), "?")
	for range u.count(mostExamples) {
		l.examples = append(l.examples, strings.ToValidUTF8(u.text(longestSaid), "?"))
	}
	u.bad = u.bad || l.name == "" || l.level > Low && (l.signal == "" || l.until.IsZero())
	return l
}

// RestoreLevels puts what SaveLevels saved into force, after RestoreBaselines and before
// anybody is judged: with what has ended since then fallen by one step each hold. It
// returns how many are raised still. A text that is not whole, or is of another time or
// version, changes nothing.
func (j *Judge) RestoreLevels(text []byte, now time.Time) (raised int, err error) {
	u, err := unseal(text, levelsFormat)
	if err != nil {
		return 0, err
	}
	saved := u.time()
	var said []Override
	for range u.count(mostOverrides) {
		o := Override{Identity: u.text(longestName), Level: Level(u.count(int(High))), Until: u.time(), Why: u.text(longestName)}
		u.bad = u.bad || o.Validate() != nil
		said = append(said, o)
	}
	var levels []savedLevel
	for len(u.rest) > 0 && !u.bad && len(levels) <= j.cfg.Most { // and strangers
		levels = append(levels, u.level())
	}
	switch {
	case u.bad || saved.IsZero():
		return 0, errSense
	case saved.Sub(now) > mostAhead:
		return 0, fmt.Errorf("it is of %v, which is yet to come", saved)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.start(now)
	j.said = said
	for i := range levels {
		if s := j.place(levels[i].name); s != nil && s.restore(&levels[i], now, j.settings.Hold) {
			raised++
		}
	}
	j.pronounceAll()
	return raised, nil
}

// restore takes a level as it would be by now, whose hold is at most one that has just
// begun, and tells whether it is raised.
func (s *Subject) restore(l *savedLevel, now time.Time, hold time.Duration) bool {
	s.level, s.told, s.signal, s.reason, s.examples = l.level, l.told, l.signal, l.reason, l.examples
	s.active, s.since, s.until = now, l.since, l.until
	if s.since.After(now) {
		s.since = now
	}
	if last := now.Add(hold); s.until.After(last) {
		s.until = last
	}
	s.expire(now, hold)
	return s.level > Low
}

// place is the subject of a name that was raised, which needs a place more than others
// do; nil where all are raised.
func (j *Judge) place(name string) *Subject {
	switch s := j.subjects[name]; {
	case name == Strangers:
		return j.strangers.subject
	case s != nil:
		return s
	case len(j.subjects) < j.cfg.Most:
		return j.add(name)
	}
	for _, s := range j.subjects {
		if s.level == Low && s.held == 0 {
			j.forget(s)
			return j.add(name)
		}
	}
	return nil
}
