package loop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Origin is where a model or rules come from, and where is told what became of them.
// One goroutine at a time may use it.
type Origin interface {
	// Subject is model.SubjectModel or model.SubjectRules.
	Subject() string
	// Look returns what is there. With an error and an ID it is there, and is wrong;
	// with an error alone nobody can see it now; ErrUnsettled: it is being written.
	Look(ctx context.Context) (Change, error)
	// Told hears what became of a change. Where it fails it is told again.
	Told(ctx context.Context, o Outcome) error
	// Anew reports whether somebody has asked, since then, for a version once more.
	Anew(ctx context.Context, v Version, since time.Time) (bool, error)
}

// ErrUnsettled says that something is being written; look again.
var ErrUnsettled = errors.New("it is being written")

// Follow has the loop serve what an origin says, every so often and whenever a note
// comes on now, until ctx ends. What was rolled back or refused is not taken again
// until its content changes or somebody asks for it anew.
func (l *Loop) Follow(ctx context.Context, o Origin, s *State, every time.Duration, now <-chan struct{}) {
	f := follower{loop: l, origin: o, state: s}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		f.pass(ctx)
		f.look(ctx)
		f.pass(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-now:
		case <-l.told[o.Subject()]:
		}
	}
}

// follower is the memory of Follow.
type follower struct {
	loop   *Loop
	origin Origin
	state  *State
	said   string // the error as logged last
	wrong  string // ID that was refused last, as told
	left   string // ID that is not tried again, as logged last
}

func (f *follower) look(ctx context.Context) {
	c, err := f.origin.Look(ctx)
	switch {
	case errors.Is(err, ErrUnsettled):
		return
	case err != nil && c.ID != "":
		if f.wrong != c.ID {
			f.wrong = c.ID
			f.loop.Refuse(c.Version, err)
		}
		return
	case err != nil:
		if f.said != err.Error() && ctx.Err() == nil {
			f.said = err.Error()
			f.loop.cfg.Log.Warn("what is served stays as it is", "subject", f.origin.Subject(), "error", err)
		}
		return
	}
	f.said = ""
	f.loop.found(&c)
	if c.ID == "" || f.refused(ctx, c) {
		return
	}
	if err := f.loop.Change(c); err != nil {
		f.loop.Refuse(c.Version, err)
	}
}

// refused reports whether a version is not to be tried by itself.
func (f *follower) refused(ctx context.Context, c Change) bool {
	since, refused := f.state.Refused(c.Version)
	if !refused || c.ID == f.loop.Version(c.Subject).ID {
		return false
	}
	anew, err := f.origin.Anew(ctx, c.Version, since)
	if err == nil && anew {
		err = f.state.Lift(c.Version)
	}
	if err != nil {
		f.loop.cfg.Log.Warn("nobody knows whether a refused version is asked for anew", "error", err)
		return true
	}
	if !anew && f.left != c.ID {
		f.left = c.ID
		f.loop.cfg.Log.Warn("not tried again: promote it anew, or change it", "subject", c.Subject, "version", c.Name, "refused", since)
	}
	return !anew
}

// pass does what outcomes ask for.
func (f *follower) pass(ctx context.Context) {
	for _, o := range f.loop.ended(f.origin.Subject()) {
		if err := f.keep(ctx, o); err != nil {
			f.loop.cfg.Log.Warn("told again later", "subject", o.Subject, "version", o.Name, "outcome", o.Kind, "error", err)
			return
		}
		f.loop.done(o.Subject)
	}
}

func (f *follower) keep(ctx context.Context, o Outcome) error {
	if err := f.state.Keep(o); err != nil {
		f.loop.cfg.Log.Error("not remembered on disk", "error", err) // decisions go on
	}
	if err := f.origin.Told(ctx, o); err != nil {
		return fmt.Errorf("%s %s: %w", o.Subject, o.Name, err)
	}
	return nil
}

// ended are the outcomes of a subject that were not passed on, the oldest first.
func (l *Loop) ended(subject string) []Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Outcome(nil), l.outcomes[subject]...)
}

// done drops the oldest of them.
func (l *Loop) done(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[subject] = l.outcomes[subject][1:]
}

// Version is what is in force of a subject.
func (l *Loop) Version(subject string) Version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version(subject)
}
