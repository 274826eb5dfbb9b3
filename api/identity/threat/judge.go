package threat

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Judge needs beside Settings.
type Config struct {
	// Rate is the limit of messages/s of one identity, as package guard has it.
	Rate float64
	// Most is how many subjects are remembered, of 8 kB each. Who comes when all
	// of them are there, and none was idle for ten minutes, cannot be judged.
	Most int
	// Forget is how long a subject is remembered that does nothing: longer than
	// the pause of a weekly job.
	Forget time.Duration
	Log    *slog.Logger
}

// DefaultConfig remembers 4,096 subjects, eight days.
func DefaultConfig() Config {
	return Config{Rate: 1e6, Most: 4096, Forget: 8 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler)}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if !(c.Rate > 0) {
		errs = append(errs, fmt.Errorf("threat: rate is %v; want more than 0", c.Rate))
	}
	if c.Most < 1 {
		errs = append(errs, fmt.Errorf("threat: most is %d; want at least 1", c.Most))
	}
	if c.Forget < time.Hour {
		errs = append(errs, fmt.Errorf("threat: forget is %v; want at least 1h", c.Forget))
	}
	if c.Log == nil {
		errs = append(errs, errors.New("threat: no log; want a logger"))
	}
	return errors.Join(errs...)
}

// Judge remembers subjects, and judges them. It is safe for concurrent use.
type Judge struct {
	cfg     Config
	limit   float64
	metrics *metrics

	strangers strangers
	unjudged  *Subject // who comes when no more can be remembered

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
	j := &Judge{cfg: cfg, limit: cfg.Rate, settings: settings, subjects: map[string]*Subject{}}
	j.settings.Overrides = slices.Clone(settings.Overrides)
	j.strangers.subject, j.unjudged = &Subject{name: Strangers}, &Subject{name: "unjudged"}
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
	}
	j.pronounceAll()
	return nil
}

// Subject is that of a name, which a certificate proved. It is remembered at
// least until it is let go.
func (j *Judge) Subject(name string) *Subject {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.subjects[name]; s != nil {
		s.held++
		s.active = j.now
		return s
	}
	if len(j.subjects) >= j.cfg.Most && !j.named(name) && !j.evict() {
		if !j.full {
			j.full = true
			j.metrics.failures["full"].Inc()
		}
		return j.unjudged
	}
	s := &Subject{name: name}
	s.held, s.born, s.active = 1, j.now, j.now
	j.subjects[name], j.order = s, nil
	j.pronounce(s)
	return s
}

// Unjudged tells whether there was no place for a subject.
func (j *Judge) Unjudged(s *Subject) bool { return s == j.unjudged }

// named tells whether an operator has said a level of exactly that name, who has a
// place beside the others then: there are no more than those.
func (j *Judge) named(name string) bool {
	o := over(j.inForce, name, j.now)
	return o != nil && o.Identity == name
}

// LetGo says that nobody calls by a subject any more.
func (j *Judge) LetGo(s *Subject) {
	if s != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		s.held--
	}
}

// evict forgets who was idle for longest, and not raised; false where there is
// nobody. That is looked for once in a window: else who shows ever other names
// would have all others wait for it.
func (j *Judge) evict() bool {
	if j.full {
		return false
	}
	var idlest *Subject
	for _, s := range j.subjects {
		if s.level == Low && s.held == 0 && (idlest == nil || s.active.Before(idlest.active)) {
			idlest = s
		}
	}
	if idlest == nil || j.now.Sub(idlest.active) < span*window {
		return false
	}
	j.forget(idlest)
	return true
}

func (j *Judge) forget(s *Subject) {
	delete(j.subjects, s.name)
	j.order = nil
}

// Step judges what was done since the last window, once that is five seconds
// ago; call it once a second.
func (j *Judge) Step(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now.IsZero() {
		j.begin(now)
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
			j.lapse(s)
		}
		j.pronounceAll()
		return
	}
	j.judged = now
	j.attempt(passed)
	j.pronounceAll()
}

func (j *Judge) begin(now time.Time) {
	j.now, j.judged = now, now
	for _, s := range j.subjects {
		s.born, s.active = now, now
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
		s.born, s.active = now, now
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
	if s != j.strangers.subject && (did.attempted > 0 || s.rate != nil) {
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

// step goes up at once, and down by one when the level has ended.
func (j *Judge) step(s *Subject, want Level, signal, reason string) {
	switch {
	case want > s.level:
		s.level, s.since = want, j.now
		fallthrough
	case want == s.level && want > Low:
		s.until, s.signal, s.reason = j.now.Add(j.settings.Hold), signal, reason
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
	}
	s.tier.Store(uint32(j.tier(s, level)))
	return level
}

func (j *Judge) overriding(s *Subject) *Override {
	if s == j.strangers.subject || s == j.unjudged {
		return nil
	}
	return over(j.inForce, s.name, j.now)
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

// Override has a level hold against the judge, until it ends or the program
// does. One of the same identity is replaced.
func (j *Judge) Override(o Override) error {
	if err := o.Validate(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = slices.DeleteFunc(j.said, func(old Override) bool { return old.Identity == o.Identity })
	if len(j.said) >= mostOverrides {
		return fmt.Errorf("there are %d overrides already; clear some", len(j.said))
	}
	j.said = append(j.said, o)
	j.pronounceAll()
	return nil
}

// Clear ends the override of an identity that Override made. It is false where
// there is none.
func (j *Judge) Clear(identity string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.said)
	j.said = slices.DeleteFunc(j.said, func(o Override) bool { return o.Identity == identity })
	j.pronounceAll()
	return len(j.said) < before
}
