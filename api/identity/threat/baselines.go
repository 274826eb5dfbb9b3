package threat

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

const (
	// mostTrackers bounds those that are saved, of 2.4 kB each; and tracked is the part of
	// the limit from which a rate's is saved. What a caller below it must send to matter
	// is several times its baseline, which is an anomaly without surprise: see readRate.
	mostTrackers, tracked = 1024, 1. / 16
	// longestTracker is more than that of one metric.
	longestTracker = 4096
	// longestAway is how old a baseline may be to be compared with, what it remembers: an
	// hour. In longer time there are deployments, and all that they bring would come at once.
	longestAway = memory * window
	// together is how many subjects are saved without letting callers in between.
	together = 64
	// mostEver bounds numbers that grow for as long as the judge lives.
	mostEver = 1 << 30
)

// SaveBaselines is what is usual of everybody: some 400 bytes for each subject. It is
// nil while the mode is off, in which nothing is kept.
func (j *Judge) SaveBaselines() []byte {
	j.mu.Lock()
	if j.settings.Mode == Off {
		j.mu.Unlock()
		return nil
	}
	p, all, trackers := begin(baselinesFormat), j.all(), mostTrackers
	p = append(p, j.key[:]...)
	p.time(j.now)
	p.count(min(j.window, mostEver))
	p.floats(j.rises[:]...)
	j.mu.Unlock()
	for some := range slices.Chunk(all, together) {
		j.mu.Lock()
		for _, s := range some {
			if !s.nameable() {
				continue
			}
			with := s.base.Mean >= tracked*j.limit && trackers > 0
			if with {
				trackers--
			}
			s.saveBaseline(&p, j.window-1, with)
		}
		j.mu.Unlock()
	}
	return p.seal(baselinesFormat)
}

// saveBaseline writes what is usual of a subject. newest is the window judged last.
func (s *Subject) saveBaseline(p *packer, newest int, withTracker bool) {
	p.text(s.name)
	p.time(s.active)
	p.count(min(s.windows, mostEver))
	p.count(min(s.known, mostEver))
	p.set(s.ever[:])
	p.set(s.denied[:])
	for _, n := range []int64{s.newServices.Load(), s.newDenied.Load(), s.failures.Load(), s.lately} {
		p.count(int(min(n, 1<<20)))
	}
	p.recent(&s.services, newest)
	p.recent(&s.things, newest)
	p.recent(&s.failed, newest)
	p.recent(&s.hour, s.hours())
	attempts, passed := newestFirst(&s.attempts, s.windows), newestFirst(&s.passed, s.windows)
	p.floats(attempts[:]...)
	p.floats(passed[:]...)
	var learned [learns]float64
	for i, x := range s.learned() {
		learned[i] = *x
	}
	p.floats(learned[:]...)
	var rate []byte
	if withTracker {
		rate = s.tracker()
	}
	p.text(string(rate))
}

// learns is how many numbers a subject learns: five levels, two peaks and the surprise.
const learns = 5*3 + 2*(1+parts) + 1

// learned are all of them, the levels first.
func (p *past) learned() (all [learns]*float64) {
	at := all[:0]
	for _, l := range [...]*anomaly.Level{&p.base, &p.edges, &p.hourly, &p.breadth, &p.faults} {
		at = append(at, &l.N, &l.Mean, &l.Scale)
	}
	for _, k := range [...]*peak{&p.peak, &p.burst} {
		at = append(at, &k.is)
		for i := range k.parts {
			at = append(at, &k.parts[i])
		}
	}
	_ = append(at, &p.excess)
	return all
}

// sane tells whether levels are what numbers leave behind.
func (p *past) sane() bool {
	for _, l := range [...]*anomaly.Level{&p.base, &p.edges, &p.hourly, &p.breadth, &p.faults} {
		if l.N < 0 || l.Scale < 0 {
			return false
		}
	}
	return true
}

// tracker is that of the rate, as it was when the level was raised.
func (s *Subject) tracker() []byte {
	if s.frozen != nil || s.rate == nil {
		return s.frozen
	}
	saved, _ := s.rate.MarshalBinary() // fails for no tracker of one metric
	return saved
}

// RestoreBaselines has subjects go on from what SaveBaselines saved, before there is
// any; what is remembered of the latest minutes is as much older as it was saved
// ago. It returns of how many. A text that is not whole, or is of another time or
// version, changes nothing.
func (j *Judge) RestoreBaselines(text []byte, now time.Time) (restored int, err error) {
	u, err := unseal(text, baselinesFormat)
	if err != nil {
		return 0, err
	}
	var saved savedJudge
	copy(saved.key[:], u.bytes(len(saved.key)))
	at := u.time()
	saved.window = u.count(mostEver)
	rises := pointers(&saved.rises)
	u.floats(rises[:]...)
	away := max(now.Sub(at), 0)
	switch {
	case u.bad || at.IsZero():
		return 0, errSense
	case at.Sub(now) > mostAhead:
		return 0, fmt.Errorf("it is of %v, which is yet to come", at)
	case away > longestAway:
		return 0, fmt.Errorf("it is of %v, and what is older than %v is no baseline", at, longestAway)
	}
	for len(u.rest) > 0 && !u.bad && len(saved.subjects) <= j.cfg.Most { // and strangers
		s := u.baseline(saved.window, now)
		s.age(saved.window, int(away/window))
		saved.subjects = append(saved.subjects, s)
	}
	if u.bad {
		return 0, errSense
	}
	return j.take(&saved, now, away), nil
}

// savedJudge is what the baselines of all are saved with.
type savedJudge struct {
	key      key
	window   int
	rises    [lately]float64
	subjects []*Subject
}

func pointers(of *[lately]float64) (all [lately]*float64) {
	for i := range of {
		all[i] = &of[i]
	}
	return all
}

// take has the judge go on from what was saved so long ago.
func (j *Judge) take(saved *savedJudge, now time.Time, away time.Duration) (restored int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.start(now)
	j.key, j.window, j.unjudged.key = saved.key, saved.window, saved.key
	if away < lately*window {
		j.rises = saved.rises
	}
	for _, s := range saved.subjects {
		s.key = saved.key
		switch {
		case s.name == Strangers:
			j.strangers.subject = s
		case len(j.subjects) < j.cfg.Most:
			j.subjects[s.name] = s
		default:
			continue
		}
		restored++
	}
	j.order = nil
	j.pronounceAll()
	return restored
}

// baseline reads one subject's; next is the window to come.
func (u *unpacker) baseline(next int, now time.Time) *Subject {
	s := &Subject{name: u.text(longestName)}
	if s.active = u.time(); s.active.After(now) {
		s.active = now
	}
	s.windows, s.known = u.count(mostEver), u.count(mostEver)
	u.set(s.ever[:])
	u.set(s.denied[:])
	s.newServices.Store(int64(u.count(1 << 20)))
	s.newDenied.Store(int64(u.count(1 << 20)))
	s.failures.Store(int64(u.count(1 << 20)))
	s.lately = int64(u.count(1 << 20))
	u.recent(&s.services, next-1)
	u.recent(&s.things, next-1)
	u.recent(&s.failed, next-1)
	u.recent(&s.hour, s.hours())
	u.ring(&s.attempts, s.windows)
	u.ring(&s.passed, s.windows)
	learned := s.learned()
	u.floats(learned[:]...)
	if rate := u.bytes(u.count(longestTracker)); len(rate) > 0 {
		s.frozen = slices.Clone(rate)
	}
	u.bad = u.bad || s.name == "" || !s.sane()
	return s
}

// ring puts values back where they belong.
func (u *unpacker) ring(into *[lately]float64, next int) {
	var values [lately]float64
	at := pointers(&values)
	u.floats(at[:]...)
	for age, v := range values {
		u.bad = u.bad || v < 0
		into[slot(next, age)] = v
	}
}
