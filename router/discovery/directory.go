package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Change is what has become of one service. Old is nil where it is new, New where it
// is gone.
type Change struct{ Old, New *Service }

// Handler hears of changes, of one snapshot at a time, in order: of a whole list at
// once, so that who publishes can do it once. It is called by the directory's goroutine
// and must not wait long. The first that it hears of is all that there is.
type Handler func(now *Snapshot, changes []Change)

// Directory puts together what its sources say. All methods may be called from
// anywhere at any time, Run once.
type Directory struct {
	cfg     Config
	all     []*told // in the order of belief
	now     atomic.Pointer[Snapshot]
	wake    chan struct{} // holds one when there is something to publish
	metrics *metrics

	mu     sync.Mutex // held while anything told is read or written
	dirty  map[string]struct{}
	newest []Handler // that have heard nothing yet

	// of the publishing goroutine
	handlers []Handler
	twins    map[[2]string]bool // of which the log has told
}

// New returns a directory of sources: where two differ on a service, the first is
// believed. It knows at once what the cache holds, as stale, and nothing more until Run.
func New(cfg Config, sources ...Source) (*Directory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d := &Directory{cfg: cfg, wake: make(chan struct{}, 1), metrics: newMetrics(), dirty: map[string]struct{}{}}
	names := map[string]bool{}
	for _, s := range sources {
		if names[s.Name()] {
			return nil, fmt.Errorf("discovery: two sources are called %q; give each a name of its own", s.Name())
		}
		names[s.Name()] = true
		d.all = append(d.all, newTold(s))
	}
	d.now.Store(NewSnapshot(1, nil))
	d.recall()
	if changes := d.changes(d.taken()); len(changes) > 0 {
		first := d.now.Load().with(changes)
		first.version = 1
		d.now.Store(first)
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(collector{d}); err != nil {
			return nil, fmt.Errorf("discovery: %w", err)
		}
	}
	return d, nil
}

// Snapshot is what is known now; never nil. It takes no lock.
func (d *Directory) Snapshot() *Snapshot { return d.now.Load() }

// Handle lets h hear of changes, from the first snapshot on that is published while Run
// runs, or of the one that is there.
func (d *Directory) Handle(h Handler) {
	d.mu.Lock()
	d.newest = append(d.newest, h)
	d.mu.Unlock()
	signal(d.wake)
}

// Run lets the sources watch until ctx ends. None of its goroutines outlives it.
func (d *Directory) Run(ctx context.Context) error {
	d.awaited()
	publishing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var sources, publisher sync.WaitGroup
	for _, t := range d.all {
		sources.Go(func() { d.attend(ctx, t) })
	}
	publisher.Go(func() { d.publishing(publishing) })
	publisher.Go(func() { d.reporting(publishing) })
	sources.Wait()
	stop()
	publisher.Wait()
	return nil
}

// attend runs one source again and again: what ends it ends no other.
func (d *Directory) attend(ctx context.Context, t *told) {
	to := &sink{d, t}
	for wait := d.cfg.Restart; ctx.Err() == nil; wait = min(2*wait, d.cfg.MaxRestart) {
		began := d.cfg.Clock()
		err := watch(ctx, t.source, to)
		if ctx.Err() != nil {
			return
		}
		if d.cfg.Clock().Sub(began) > d.cfg.MaxRestart {
			wait = d.cfg.Restart
		}
		d.mu.Lock()
		t.restarts++
		d.mu.Unlock()
		d.cfg.Log.Error("discovery: a source has ended; starting it again", "source", t.source.Name(), "error", err, "after", wait)
		to.Trouble(err)
		sleep(ctx, wait)
	}
}

// watch is one life of a source. Its end is an error, for nobody asked for it.
func watch(ctx context.Context, s Source, to Sink) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := s.Watch(ctx, to); err != nil {
		return err
	}
	return errors.New("it stopped watching")
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
