package replay

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/router"
)

// Run asks every policy at every frame, as the daemon would, and judges the
// decisions from cfg.From on by what came after. Frames before that warm the
// policies up and are not judged.
//
// A policy that declines without a fallback of its own is given equal weights,
// and counted. A policy that fails, or whose weights are none, ends the walk
// with an error that names it, and so does a recording of which nothing can be
// judged. Run keeps nothing of the frames; the policies are driven from one
// goroutine.
func Run(pairs iter.Seq2[datasets.Pair, error], policies []router.Policy, cfg Config) (*Trace, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := walk{policies: policies, decisions: make([]router.Decision, len(policies)), services: map[string]*memory{}}
	w.trace = &Trace{cfg: cfg, Endpoints: map[string]int{}, Idle: map[string]int{}}
	if err := w.nameRows(); err != nil {
		return nil, err
	}
	for pair, err := range pairs {
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if err := w.step(&pair); err != nil {
			return nil, err
		}
	}
	return w.end()
}

// walk is one run under way.
type walk struct {
	policies  []router.Policy
	decisions []router.Decision
	services  map[string]*memory
	trace     *Trace
	last      time.Time // of all pairs
}

// memory is what a walk keeps of one service.
type memory struct {
	past   past
	before past      // the same of the windows that decisions were made from
	time   time.Time // of the last pair
	last   *Window   // judged
}

func (w *walk) nameRows() error {
	cfg := &w.trace.cfg
	if len(w.policies) == 0 {
		return errors.New("replay: no policy to walk; name at least one")
	}
	for _, p := range w.policies {
		w.trace.Rows = append(w.trace.Rows, p.Name())
	}
	w.trace.Rows = append(w.trace.Rows, AsRecorded, HindsightBest)
	for i, name := range w.trace.Rows {
		if slices.Contains(w.trace.Rows[:i], name) {
			return fmt.Errorf("replay: policy %q is there twice; each needs a name of its own", name)
		}
	}
	if cfg.Reference == "" {
		cfg.Reference = w.policies[0].Name()
	}
	if !slices.Contains(w.trace.Rows, cfg.Reference) {
		return fmt.Errorf("replay: the reference %q is none of the rows %q", cfg.Reference, w.trace.Rows)
	}
	return nil
}

func (w *walk) step(pair *datasets.Pair) error {
	f := pair.Frame
	m := w.services[f.Service]
	if m == nil {
		m = &memory{past: past{}, before: past{}}
		w.services[f.Service] = m
	}
	if len(pair.After.Endpoints) != len(f.Endpoints) {
		return fmt.Errorf("replay: %s at %s: %d endpoints before the decision and %d after; want the same", f.Service, stamp(f.Time), len(f.Endpoints), len(pair.After.Endpoints))
	}
	if !f.Time.After(m.time) {
		return fmt.Errorf("replay: %s: the window of %s comes after that of %s; want them in order of time", f.Service, stamp(f.Time), stamp(m.time))
	}
	if w.last.IsZero() {
		w.trace.missing = lacking(pair.After.Schema)
	}
	m.time, w.last = f.Time, f.Time
	for i, p := range w.policies {
		if err := decide(p, &w.decisions[i], pair); err != nil {
			return err
		}
	}
	objective := w.trace.cfg.objective(f.Service)
	expected := m.before.forecast(&f.Window, objective)
	h, seen := m.past.look(&pair.After, objective)
	if m.last != nil && m.last.until.IsZero() {
		m.last.until = f.Time
	}
	if f.Time.Before(w.trace.cfg.From) {
		return nil
	}
	w.trace.Endpoints[f.Service] = max(w.trace.Endpoints[f.Service], len(f.Endpoints))
	if len(f.Endpoints) < 2 {
		return nil
	}
	if !seen {
		w.trace.Idle[f.Service]++
		return nil
	}
	w.judge(m, pair, &h, objective.Deadline.Seconds()).forecast = expected
	return nil
}

// decide asks one policy. The decision is filled whatever happens: there is
// no request without an endpoint.
func decide(p router.Policy, d *router.Decision, pair *datasets.Pair) error {
	f := pair.Frame
	err := p.Decide(d, f)
	var reason router.Reason
	if errors.As(err, &reason) {
		d.Source, d.Reason = router.SourceDefault, reason
		d.Weights = slices.Grow(d.Weights[:0], len(f.Endpoints))[:len(f.Endpoints)]
		d.Weights.Equal()
		return nil
	}
	if err == nil && len(d.Weights) != len(f.Endpoints) {
		err = fmt.Errorf("%d weights for %d endpoints", len(d.Weights), len(f.Endpoints))
	}
	if err == nil {
		err = d.Weights.Validate()
	}
	if err != nil {
		return fmt.Errorf("replay: policy %s, service %s at %s: %w", p.Name(), f.Service, stamp(f.Time), err)
	}
	return nil
}

// judge appends one window to the trace, and returns it.
func (w *walk) judge(m *memory, pair *datasets.Pair, h *horizon, deadline float64) *Window {
	f := pair.Frame
	window := &Window{
		Service: f.Service, Time: f.Time, Endpoints: f.Endpoints,
		Requests: h.requests, Shares: h.shares, Steps: make([]Step, 0, len(w.trace.Rows)),
	}
	for i := range w.decisions {
		d := &w.decisions[i]
		s := h.judge(slices.Clone(d.Weights), deadline)
		s.Source, s.Reason = d.Source, d.Reason
		window.Steps = append(window.Steps, s)
	}
	recorded := unknownStep()
	if h.shares != nil {
		recorded = h.judge(h.shares, deadline)
	}
	window.Steps = append(window.Steps, recorded, h.judge(h.hindsight(), deadline))
	for i := range window.Steps {
		window.Steps[i].Turnover = m.turnover(window, i)
	}
	m.last = window
	w.trace.Windows = append(w.trace.Windows, window)
	return window
}

// turnover is NaN at the first judged step and where nothing is known.
func (m *memory) turnover(now *Window, row int) float64 {
	if m.last == nil || now.Steps[row].Weights == nil || m.last.Steps[row].Weights == nil {
		return nan
	}
	return turnover(m.last.Endpoints, now.Endpoints, m.last.Steps[row].Weights, now.Steps[row].Weights)
}

// end fails when there is nothing to compare.
func (w *walk) end() (*Trace, error) {
	t := w.trace
	if w.last.IsZero() {
		return nil, errors.New("replay: the recording has no window with a whole horizon after it; record for longer")
	}
	if len(t.Endpoints) == 0 {
		return nil, fmt.Errorf("replay: the part to be judged begins at %s, after the last window at %s; judge from earlier on", stamp(t.cfg.From), stamp(w.last))
	}
	if len(t.Windows) == 0 {
		return nil, fmt.Errorf("replay: nothing to compare: %s", leftOut(t.LeftOut()))
	}
	return t, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
