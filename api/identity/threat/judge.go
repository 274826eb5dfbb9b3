package threat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Judge remembers subjects, and judges them. It is safe for concurrent use.
type Judge struct {
	cfg     Config
	limit   float64
	metrics *metrics

	strangers strangers
	unjudged  *Subject // who comes when no more can be remembered
	changed   chan struct{}
	key       key

	mu       sync.Mutex
	settings Settings
	said     []Override // while running, beside those of the settings
	inForce  []Override // both
	subjects map[string]*Subject
	order    []*Subject // of subjects, by name; nil when it has to be made anew
	did      []counts
	window   int             // judged
	rises    [lately]float64 // of the mesh, in the last minutes
	now      time.Time
	judged   time.Time // when the last window ended
	failing  string    // why nobody can be judged: panic, clock
	full     bool      // somebody came whom there is no place for
	warned   bool      // of it
}

// New returns a judge that wants a Step once a second, and registers its metrics.
func New(cfg Config, settings Settings, reg prometheus.Registerer) (*Judge, error) {
	if err := errors.Join(cfg.Validate(), settings.Validate()); err != nil {
		return nil, err
	}
	j := &Judge{cfg: cfg, limit: cfg.Rate, settings: settings, subjects: map[string]*Subject{}, changed: make(chan struct{}, 1)}
	rand.Read(j.key[:]) // which never fails
	j.settings.Overrides = slices.Clone(settings.Overrides)
	j.strangers.subject, j.unjudged = &Subject{name: Strangers}, &Subject{name: "unjudged", key: j.key}
	j.metrics = newMetrics(reg, j)
	j.pronounceAll()
	return j, nil
}

// SetSettings puts other settings into force.
func (j *Judge) SetSettings(s Settings) error {
	if err := s.Validate(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Overrides = slices.Clone(s.Overrides)
	was := j.settings.Mode
	j.settings = s
	if was != s.Mode {
		j.cfg.Log.Info("threats: the mode is changed", "from", was, "to", s.Mode)
		j.change() // what is kept of it on disk
	}
	if was == Off { // in which levels stood still, and nobody had to be judged
		j.failing = ""
		for _, s := range j.all() {
			s.expire(j.now, j.settings.Hold)
		}
	}
	j.pronounceAll()
	return nil
}

// begin sets the clock before the first Step, so that what is saved has a time.
func (j *Judge) begin(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.start(now)
}

func (j *Judge) off() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.settings.Mode == Off
}

// Step judges what was done since the last window, once that is five seconds
// ago; call it once a second.
func (j *Judge) Step(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now.IsZero() {
		j.start(now)
		return
	}
	if back := j.now.Sub(now); back > 2*time.Second { // less is a clock that is set right
		j.turnBack(now)
		return
	}
	j.now = now
	passed := now.Sub(j.judged)
	switch {
	case j.settings.Mode == Off || passed < window:
		return
	case passed > 4*window: // this machine slept, or the clock jumped: it is not known when what was counted came
		j.judged = now
		for _, s := range j.all() {
			s.discard()
			s.age(j.window, int(min(passed/window, memory)))
			s.expire(now, j.settings.Hold)
		}
		j.pronounceAll()
		return
	}
	j.judged = now
	j.attempt(passed)
	j.pronounceAll()
}

// start sets the clock, where it does not go yet.
func (j *Judge) start(now time.Time) {
	if !j.now.IsZero() {
		return
	}
	j.now, j.judged = now, now
	for _, s := range j.subjects {
		s.active = now
	}
	j.pronounceAll()
}

// turnBack is a clock that goes backwards: nobody can be judged until the next
// window, and no level lasts longer than if it had just begun.
func (j *Judge) turnBack(now time.Time) {
	j.fail("clock", fmt.Sprintf("from %v to %v", j.now, now))
	for _, s := range j.all() {
		if s.level > Low {
			s.until = now.Add(j.settings.Hold)
		}
		s.active = now
		s.discard()
	}
	j.now, j.judged = now, now
	j.pronounceAll()
}

func (j *Judge) fail(cause, what string) {
	if j.failing != cause {
		j.cfg.Log.Error("threats: callers cannot be judged", "cause", cause, "what", what, "on_failure", j.settings.OnFailure)
	}
	j.failing = cause
	j.metrics.failures[cause].Inc()
}

// attempt is a window's judgement. One that panics leaves the judge failing until
// a later one does not.
func (j *Judge) attempt(passed time.Duration) {
	defer func() {
		if why := recover(); why != nil {
			j.order = nil
			j.fail("panic", fmt.Sprint(why))
		}
	}()
	j.judgeAll(passed.Seconds())
	if j.failing != "" {
		j.cfg.Log.Info("threats: callers are judged again")
		j.failing = ""
	}
	if j.full && !j.warned {
		j.cfg.Log.Warn("threats: there are more callers than can be remembered; the rest is not judged", "remembered", len(j.subjects), "on_failure", j.settings.OnFailure)
	}
	j.warned, j.full = j.full, false
}

func (j *Judge) judgeAll(seconds float64) {
	all := j.all()
	j.did = j.did[:0]
	for _, s := range all {
		did := s.gather(seconds)
		j.did = append(j.did, did)
		s.count(j.window)
		if did.attempted > 0 {
			s.active = j.now
		}
	}
	p := compare(all[1:], j.did[1:])
	j.rises[j.window%len(j.rises)] = p.rise
	p.rise = slices.Max(j.rises[:])
	for i, s := range all {
		j.judge(s, j.did[i], &p)
	}
	for _, s := range all[1:] {
		if s.level == Low && s.held == 0 && j.now.Sub(s.active) > j.cfg.Forget {
			j.forget(s)
		}
	}
	j.window++
}

// all are the strangers, and then all others by name.
func (j *Judge) all() []*Subject {
	if j.order == nil {
		j.order = append(make([]*Subject, 0, len(j.subjects)+1), j.strangers.subject)
		for _, s := range j.subjects {
			j.order = append(j.order, s)
		}
		slices.SortFunc(j.order[1:], func(a, b *Subject) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
	}
	return j.order
}

// gather takes what the subject did since it was last taken.
func (s *Subject) gather(seconds float64) counts {
	did := counts{
		admitted: float64(s.admitted.Swap(0)) / seconds, attempted: float64(s.attempted.Swap(0)) / seconds,
		asked: distinct(s.asked[:]), exceeded: Limit(s.exceeded.Swap(0)),
	}
	wipe(s.asked[:])
	return did
}

// discard drops what the subject did, since nobody knows when.
func (s *Subject) discard() {
	s.gather(1)
	s.known += int(s.newServices.Swap(0))
	s.newDenied.Store(0)
	s.failures.Store(0)
}

// count adds a window to what is counted over several.
func (s *Subject) count(window int) {
	edges := s.newServices.Swap(0)
	s.known += int(edges)
	s.services.push(window, edges)
	s.lately += edges
	if s.windows%(memory/span) == 0 { // the hour is counted in parts, of which there are as many
		s.hour.push(s.windows/(memory/span), s.lately)
		s.lately = 0
	}
	s.things.push(window, s.newDenied.Swap(0))
	s.failed.push(window, s.failures.Swap(0))
	if s.windows%(6*span) == 0 { // an hour: what was denied once may be news again
		wipe(s.denied[:])
	}
}

// judge finds the level that a window asks for, and steps towards it.
func (j *Judge) judge(s *Subject, did counts, p *peers) {
	s.attempts[s.windows%lately], s.passed[s.windows%lately] = did.attempted, did.admitted
	if s != j.strangers.subject && (did.attempted > 0 || s.rate != nil || s.frozen != nil) {
		s.surprise(j.now)
	}
	s.readings = j.read(s, did, p)
	want, signal, reason := verdict(s.readings, did.exceeded)
	j.step(s, want, signal, reason)
	s.learn(did, p.rise, s.failed.last(j.window, int(time.Minute/window)))
	s.windows++
}

// verdict is the origin's rule: an anomaly of who exceeds a limit is high,
// another anomaly medium, everything else low. The signal is the first that is
// an anomaly, one that exceeds its own limit before others.
func verdict(readings []Reading, exceeded Limit) (want Level, signal, reason string) {
	beyond := exceeded != 0
	for _, r := range readings {
		beyond = beyond || r.Exceeds
		if r.Anomaly && (signal == "" || r.Exceeds) {
			signal, reason = r.Signal, r.String()
		}
	}
	switch {
	case signal == "":
		return Low, "", ""
	case !beyond:
		return Medium, signal, reason
	}
	if exceeded != 0 {
		reason += "; exceeded: " + exceeded.String()
	}
	return High, signal, reason
}
