// Package loop is the slow loop of a daemon: windows of metrics in, tables out. A
// line is one version of the model and of the rules with what it remembers; a loop
// has one, or two while a change of either is on trial.
package loop

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// ErrOver is what a source of windows gives after its last window, with the time in
// a window without a service: there is nothing wrong, and nothing more will come.
var ErrOver = errors.New("the recording is over")

// Config says how a loop works.
type Config struct {
	// Router is that of the table and of every line's policy. Its Rules and Course
	// are the line's: leave them.
	Router router.Config
	// Policy makes the policy of a line. m and p are nil without a model.
	Policy func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy
	// Acted says that somebody acts on what is decided, so that it shapes the
	// windows to come.
	Acted bool
	// Live says that the time of windows is the clock's.
	Live bool
	// Clock tells the time.
	Clock func() time.Time
	// Seed is that of the jitter of active checks.
	Seed uint64
	Log  *slog.Logger
	// Trial begins the trial of a change, against the rules in force; nil: changes
	// serve at once.
	Trial func(now time.Time, set *rules.Set) Judge
	// Decided, if not nil, is told what has been published, of the former line and
	// of the one on trial. It must not wait, nor keep what it is given.
	Decided func(former, tried []router.Made)
}

// Loop decides on windows, and publishes what it decides in its table. All its
// methods may be called from anywhere at any time; they take turns.
type Loop struct {
	cfg     Config
	table   *router.Table
	metrics *Metrics
	checks  *checks
	ready   atomic.Bool // at the first decision, or the last of a life before

	changing sync.Mutex // held while a change is prepared; before mu

	mu       sync.Mutex // held while anything is decided
	former   *line      // the one in force
	pace     Pace
	kept     kept
	known    *router.Known // nil: nobody discovers
	unjoined unjoined
	moved    map[string]time.Time // by service: when discovery last said anything new of it
	settled  time.Time            // when what is gone was last looked through
	newest   time.Time            // of the windows
	versions map[string]Version   // by subject: what is in force
	tried    *line                // nil while no trial is on
	trying   Change
	judge    Judge
	waiting  map[string]Change        // by subject: what comes after the trial
	outcomes map[string][]Outcome     // by subject: not passed on yet
	told     map[string]chan struct{} // by subject: hold one when there are outcomes
	wake     chan struct{}            // holds one when something may wait no more
	repace   chan struct{}
	trouble  error
	failing  bool              // the source gave an error last
	refusals map[string]string // by service: why a window was refused last
	said     map[string]string // by service: source and reason as logged last
	unready  map[string]string // by service of which none or few endpoints are ready: who serves, as logged
	first    time.Time         // when discovery first said anything
	noted    string            // ID of the rules whose findings were logged last
	opened   bool              // the services of the rules were decided upon
	begun    bool              // windows have come, or it is known that none will
	restored map[string]*past  // by service: what is served of a life before
}

// Pace is what is known of the windows to come.
type Pace struct {
	// Schema is what they are of; nil while nobody knows, or where none come.
	Schema *mesh.Schema
	Timing mesh.Timing
	// From is when serving begins: what comes before it warms up the memory only.
	From time.Time
}

// New returns a loop that serves a model and rules, either of which may be none,
// and registers its metrics. The error is that of a model that cannot be served.
func New(cfg Config, first, ruled Change, reg prometheus.Registerer) (*Loop, error) {
	m, set := first.Model, ruled.Rules
	l := &Loop{cfg: cfg, checks: newChecks(set, cfg.Seed, cfg.Log), said: map[string]string{}, unready: map[string]string{}, refusals: map[string]string{}, versions: map[string]Version{}, waiting: map[string]Change{}, outcomes: map[string][]Outcome{},
		told: map[string]chan struct{}{model.SubjectModel: make(chan struct{}, 1), model.SubjectRules: make(chan struct{}, 1)},
		wake: make(chan struct{}, 1), repace: make(chan struct{}, 1)}
	if l.cfg.Decided == nil {
		l.cfg.Decided = func([]router.Made, []router.Made) {}
	}
	l.cfg.Router.Checks = l.checks.runner
	former, err := newLine(&l.cfg, m, set, Pace{}, nil)
	if err != nil {
		return nil, err
	}
	l.former = former
	l.versions[model.SubjectModel], l.versions[model.SubjectRules] = first.Version, ruled.Version
	l.table = router.NewTable(set, l.cfg.Router)
	l.metrics = newMetrics(reg)
	l.metrics.serves(m)
	l.found(&ruled)
	return l, nil
}

// Table is where the loop publishes.
func (l *Loop) Table() *router.Table { return l.table }

// Ready reports whether anything has been decided.
func (l *Loop) Ready() bool { return l.ready.Load() }

// Trouble is why no metrics come now; nil when they do.
func (l *Loop) Trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

// Policy names the policy in force.
func (l *Loop) Policy() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.former.policy.Name()
}

// Horizon is how far the forecasts of the model in force look ahead; without any, that
// of the windows.
func (l *Loop) Horizon() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.former.forecast == nil {
		return l.pace.Timing.Horizon
	}
	return cmp.Or(l.former.forecast.Horizon(), l.pace.Timing.Horizon)
}

// Expect says which windows will come. Call it before the first of them.
func (l *Loop) Expect(p Pace) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	former, err := newLine(&l.cfg, l.former.model, l.former.rules, p, l.known)
	if err != nil {
		return err
	}
	former.found(l.known.Live(), l.now(), l.restores)
	if l.tried != nil {
		l.supersede(Change{Version: l.trying.Version})
	}
	l.kept.forget()
	l.pace, l.former = p, former
	return nil
}

// Repaced receives after a first model has been adopted that has learned from other
// windows than those that come: open the source anew, and say so by Expect.
func (l *Loop) Repaced() <-chan struct{} { return l.repace }

// Model is the one in force; nil without.
func (l *Loop) Model() *model.Model {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.former.model
}
