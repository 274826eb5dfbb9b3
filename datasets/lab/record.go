package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of a recording that is worth keeping.
const (
	maxSendDelay = 20 * time.Millisecond // at p99
	minKept      = 2 * time.Minute       // of a recording that was interrupted
)

// Progress is how far a recording is.
type Progress struct {
	Elapsed, Total time.Duration
	Rate           float64 // requests sent in the last second
	Faults         []Fault // under way
}

// Summary is what a recording holds.
type Summary struct {
	Dir               string
	Start, End        time.Time
	Interrupted       bool // ended before its duration
	Requests, Failed  int  // Failed: no answer before the deadline, or a 5xx
	Broken            int  // ended without an answer before the deadline was over
	Samples           int
	Faults            []Injected
	SendDelay, Ticker Delay
}

// Record runs the mesh that cfg describes, in real time, and leaves a recording
// in cfg.Out. It tells progress once a second; progress may be nil.
//
// When ctx ends early, what there is becomes the recording if it covers two
// minutes or more, with its true end; else nothing is left. A recording whose
// requests were sent too late (p99 above 20 ms) is an error and stays at
// cfg.Out + ".partial".
func Record(ctx context.Context, cfg Config, progress func(Progress)) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	if _, err := os.Stat(cfg.Out); err == nil {
		return Summary{}, fmt.Errorf("%s exists; name a directory that does not, or remove it", cfg.Out)
	}
	faults, err := cfg.Schedule()
	if err != nil {
		return Summary{}, err
	}
	dir, err := os.MkdirTemp("", "fairway-lab-")
	if err != nil {
		return Summary{}, err
	}
	lost := false // what was recorded is only in dir
	defer func() {
		if !lost {
			os.RemoveAll(dir)
		}
	}()
	m, err := startMesh(ctx, cfg, dir)
	defer m.children.close()
	if err != nil {
		return Summary{}, err
	}
	r := newRecorder(m, faults)
	if err := r.run(ctx, progress); err != nil {
		return Summary{}, err
	}
	// The dump must not be cut off by what ended the load.
	summary, err := r.keep(context.WithoutCancel(ctx))
	if lost = err != nil; lost {
		err = fmt.Errorf("%w (the database of Prometheus is left in %s)", err, dir)
	}
	return summary, err
}

// recorder is one run.
type recorder struct {
	mesh      *running
	loads     []*load
	injectors []*injector
	faults    [][]Fault // per service
	late      []time.Duration
	summary   Summary

	mu       sync.Mutex
	underway map[string]Fault // by service
}

func newRecorder(m *running, faults []Fault) *recorder {
	r := &recorder{mesh: m, underway: map[string]Fault{}}
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
		r.injectors = append(r.injectors, &injector{mesh: m, start: start, now: r.noteFault(s.Name)})
	}
	r.summary.Start = start
	return r
}

func (r *recorder) noteFault(service string) func(*Fault) {
	return func(f *Fault) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if f == nil {
			delete(r.underway, service)
		} else {
			r.underway[service] = *f
		}
	}
}

// run lets load and faults happen until the duration is over or ctx ends.
func (r *recorder) run(ctx context.Context, progress func(Progress)) error {
	end := r.summary.Start.Add(r.mesh.cfg.Duration)
	timed, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	all, running := errgroup.WithContext(timed)
	for i := range r.loads {
		all.Go(func() error { return r.loads[i].run(running) })
		all.Go(func() error { return r.injectors[i].run(running, r.faults[i]) })
	}
	all.Go(func() error { r.late = ticker(running); return nil })
	all.Go(func() error { r.report(running, progress); return nil })
	all.Go(func() error {
		select {
		case died := <-r.mesh.children.died:
			return died
		case <-running.Done():
			return nil
		}
	})
	err := all.Wait()
	r.summary.End = end
	if now := time.Now(); now.Before(end) {
		r.summary.End, r.summary.Interrupted = now.Truncate(time.Millisecond), true
	}
	if err != nil {
		return err
	}
	if kept := r.summary.End.Sub(r.summary.Start); r.summary.Interrupted && kept < minKept {
		return fmt.Errorf("interrupted after %v, too early to keep anything (%v): %w", kept.Round(time.Second), minKept, context.Cause(ctx))
	}
	return nil
}

// report tells the progress every second.
func (r *recorder) report(ctx context.Context, progress func(Progress)) {
	before := int64(0)
	for next := r.summary.Start; sleepUntil(ctx, next); next = next.Add(time.Second) {
		if progress == nil {
			continue
		}
		p := Progress{Elapsed: time.Since(r.summary.Start), Total: r.mesh.cfg.Duration}
		sent := int64(0)
		for _, l := range r.loads {
			sent += l.sent.Load()
		}
		p.Rate, before = float64(sent-before), sent
		r.mu.Lock()
		for _, f := range r.underway {
			p.Faults = append(p.Faults, f)
		}
		r.mu.Unlock()
		progress(p)
	}
}

// keep writes the recording.
func (r *recorder) keep(ctx context.Context) (Summary, error) {
	s := &r.summary
	s.Dir = r.mesh.cfg.Out
	r.count()
	partial := filepath.Clean(s.Dir) + ".partial"
	if err := r.write(ctx, partial); err != nil {
		return *s, err
	}
	if s.SendDelay.P99 > maxSendDelay {
		return *s, fmt.Errorf("requests were sent late (%v; want p99 ≤ %v): the machine is too busy, or too slow for this load; what was recorded is at %s", s.SendDelay, maxSendDelay, partial)
	}
	return *s, os.Rename(partial, s.Dir)
}

// count sums up what became of the requests and faults.
func (r *recorder) count() {
	s := &r.summary
	var sent []time.Duration
	for i, l := range r.loads {
		for _, a := range l.answers {
			if !a.done {
				continue
			}
			s.Requests++
			if a.status == 0 || a.status >= 500 {
				s.Failed++
			}
			sent = append(sent, a.sent)
		}
		s.Broken += int(l.broken.Load())
		s.Faults = append(s.Faults, r.injectors[i].done...)
	}
	s.SendDelay, s.Ticker = delayOf(sent), delayOf(r.late)
}

// write puts everything into dir: what only this process knows before what
// Prometheus has to be asked for, and the manifest last.
func (r *recorder) write(ctx context.Context, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := &r.summary
	err := writeFile(dir, "requests.csv.gz", zipped(func(w io.Writer) error { return writeRequests(w, r.loads, s.End) }))
	if err != nil {
		return err
	}
	if err := writeFile(dir, "faults.csv", func(w io.Writer) error { return writeFaults(w, s.Faults) }); err != nil {
		return err
	}
	// The last scrape has to be stored before it can be read.
	sleepUntil(ctx, s.End.Add(2*ScrapeInterval))
	var text bytes.Buffer
	if err := dump(ctx, r.mesh.prometheus, s.Start, s.End, &text); err != nil {
		return err
	}
	if s.Samples, err = checkOpenMetrics(text.Bytes()); err != nil {
		return err
	}
	if err := writeFile(dir, "metrics.om.gz", zipped(func(w io.Writer) error { _, err := w.Write(text.Bytes()); return err })); err != nil {
		return err
	}
	return writeFile(dir, "manifest.json", r.manifest().write)
}

func (r *recorder) manifest() manifest {
	s := r.summary
	m := manifest{
		Format: "fairway-recording/1", Schema: "lab", Start: s.Start.UTC(), End: s.End.UTC(),
		ScrapeInterval: ScrapeInterval.Seconds(), MadeBy: r.mesh.cfg.MadeBy, Seed: r.mesh.cfg.Seed,
	}
	for _, service := range r.mesh.services {
		m.Services = append(m.Services, service.Name)
	}
	notes := []string{
		"a real mesh on one machine: endpoints are processes, HAProxy forwards, Prometheus scrapes",
		"endpoints drawn at random from shares that know nothing of the mesh; the propensity is exact",
		fmt.Sprintf("%s; %s; %d cores", r.mesh.versions, runtime.Version(), runtime.NumCPU()),
		fmt.Sprintf("send delay %v", s.SendDelay),
		fmt.Sprintf("lateness of a 10 ms wait %v", s.Ticker),
		fmt.Sprintf("%d requests, %d failed, %d broken off before their deadline", s.Requests, s.Failed, s.Broken),
	}
	if s.Interrupted {
		notes = append(notes, fmt.Sprintf("interrupted: %v were asked for", r.mesh.cfg.Duration))
	}
	m.Notes = strings.Join(notes, ". ") + "."
	return m
}
