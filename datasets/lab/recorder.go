package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// recorder is one run of a mesh under load and faults.
type recorder struct {
	mesh      *running
	loads     []*load     // one per service
	injectors []*injector // one per service
	faults    [][]Fault   // per service
	late      []time.Duration
	summary   Summary
}

// newRecorder draws what will be asked of the mesh, and sets the start.
func newRecorder(m *running, faults []Fault) *recorder {
	r := &recorder{mesh: m}
	plans := make([][]planned, len(m.services))
	for i, s := range m.services {
		plans[i] = plan(m.cfg.Seed, s, m.cfg.Duration)
	}
	// Recordings count in milliseconds.
	start := time.Now().Add(time.Second).Truncate(time.Millisecond)
	for i, s := range m.services {
		var own []Fault
		for _, f := range faults {
			if f.Service == s.Name {
				own = append(own, f)
			}
		}
		r.faults = append(r.faults, own)
		r.loads = append(r.loads, newLoad(s, plans[i], m.listen[s.Name], start))
		r.injectors = append(r.injectors, &injector{mesh: m, start: start})
	}
	r.summary.Start = start
	return r
}

// run lets load and faults happen until the duration is over or ctx ends. It
// is an error when too little was recorded by then.
func (r *recorder) run(ctx context.Context, progress func(Progress)) error {
	s := &r.summary
	s.End = s.Start.Add(r.mesh.cfg.Duration)
	timed, cancel := context.WithDeadline(ctx, s.End)
	defer cancel()
	all, running := errgroup.WithContext(timed)
	for i := range r.loads {
		all.Go(func() error { return r.loads[i].run(running) })
		all.Go(func() error { return r.injectors[i].run(running, r.faults[i]) })
	}
	all.Go(func() error { r.late = lateness(running); return nil })
	all.Go(func() error { r.report(running, progress); return nil })
	all.Go(func() error {
		select {
		case died := <-r.mesh.children.died:
			return died
		case <-running.Done():
		}
		// The end is now, not when the last answer has come.
		if now := time.Now().Truncate(time.Millisecond); now.Before(s.End) {
			s.End, s.Interrupted = now, true
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return err
	}
	if kept := s.End.Sub(s.Start); s.Interrupted && kept < r.mesh.cfg.MinKept {
		return fmt.Errorf("interrupted after %v, too early to keep anything (%v): %w",
			max(0, kept).Round(time.Second), r.mesh.cfg.MinKept, context.Cause(ctx))
	}
	return nil
}

// report tells the progress every second.
func (r *recorder) report(ctx context.Context, progress func(Progress)) {
	if progress == nil {
		return
	}
	before := int64(0)
	for next := r.summary.Start; sleepUntil(ctx, next); next = next.Add(time.Second) {
		p := Progress{Elapsed: time.Since(r.summary.Start), Total: r.mesh.cfg.Duration}
		sent := int64(0)
		for i, l := range r.loads {
			sent += l.sent.Load()
			if f := r.injectors[i].current.Load(); f != nil {
				p.Faults = append(p.Faults, *f)
			}
		}
		p.Rate, before = float64(sent-before), sent
		progress(p)
	}
}
