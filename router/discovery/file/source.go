package file

import (
	"context"
	"errors"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
)

// Source watches files. It may be watched once at a time.
type Source struct{ cfg Config }

// New checks the settings; no file is touched yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg}, nil
}

// Name implements discovery.Source.
func (*Source) Name() string { return "file" }

// Check reads the files that are there, once, and says what is not understood in them. One
// that is missing may come yet: that is only logged.
func (s *Source) Check() error {
	w := &watch{Config: s.cfg, files: map[string]*held{}}
	names, _ := w.list()
	var errs []error
	for _, name := range names[:min(len(names), mostFiles)] {
		text, err := contents(name)
		if err != nil {
			s.cfg.Log.Warn("a file of services cannot be read now", "error", err)
			continue
		}
		_, err = parse(name, text)
		errs = append(errs, err)
	}
	for _, pattern := range s.cfg.Files {
		if found, err := find(pattern); err != nil {
			s.cfg.Log.Warn("files of services cannot be looked for now", "error", err)
		} else if len(found) == 0 {
			s.cfg.Log.Warn("no file of services is found; those that come are read", "pattern", pattern)
		}
	}
	return errors.Join(errs...)
}

// Watch implements discovery.Source. A file that cannot be read or understood keeps
// what it said before; where the system gives no watches, files are read every Reread.
func (s *Source) Watch(ctx context.Context, to discovery.Sink) error {
	w := &watch{Config: s.cfg, teller: again.NewTeller(to), files: map[string]*held{}, dirs: map[string]bool{}}
	var events chan fsnotify.Event
	var errs chan error
	if watcher, err := fsnotify.NewWatcher(); err != nil {
		w.Log.Warn("files of services cannot be watched; they are read again and again", "every", w.Reread, "error", err)
	} else {
		defer watcher.Close()
		w.watcher, events, errs = watcher, watcher.Events, watcher.Errors
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Time{} // when timer ends
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			w.read()
			due = time.Now().Add(w.Reread)
			timer.Reset(w.Reread)
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if soon := time.Now().Add(w.Settle); !e.Op.Has(fsnotify.Chmod) && soon.Before(due) {
				due = soon
				timer.Reset(w.Settle)
			}
		case err, ok := <-errs: // such as events that were lost: all is read again
			if !ok {
				errs = nil
				continue
			}
			w.Log.Warn("watching files of services", "error", err)
			due = time.Now().Add(w.Settle)
			timer.Reset(w.Settle)
		}
	}
}
