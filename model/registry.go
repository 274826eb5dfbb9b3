package model

import (
	"context"
	"errors"
	"time"
)

// ErrEmpty says that a registry has no latest model.
var ErrEmpty = errors.New("no model has been published")

// ErrMoved says that another version has become the latest in the meantime.
var ErrMoved = errors.New("another version is the latest by now")

// Registry keeps the versions of a model, says which is served, and remembers
// how that came about.
type Registry interface {
	// Publish stores m under the next version, which it returns, and makes it
	// the latest. m itself is not changed. No version is ever overwritten.
	// What was returned is on the disk.
	Publish(ctx context.Context, m *Model) (Version, error)
	// Latest reads the version that is to be served; ErrEmpty when there is
	// none.
	Latest(ctx context.Context) (*Model, error)
	// Get reads one version.
	Get(ctx context.Context, v Version) (*Model, error)
	// List describes all versions, oldest first.
	List(ctx context.Context) ([]Entry, error)
	// Promote makes an existing version the latest.
	Promote(ctx context.Context, v Version) error
	// RollBack makes to the latest because from does not do, if from still is
	// the latest: ErrMoved otherwise, and then nothing changes. Several daemons
	// may find the same fault, and a person may have been faster.
	RollBack(ctx context.Context, from, to Version, why string) error
	// Record adds an event. Publish, Promote and RollBack record their own.
	Record(ctx context.Context, e Event) error
	// Events returns the last n events, oldest first; all of them when n < 1.
	Events(ctx context.Context, n int) ([]Event, error)
}

// Watcher tells of changes of what is served.
type Watcher interface {
	// Watch calls changed, never twice at a time, with the latest version if
	// there is one, and again whenever it finds another. Of changes that follow
	// each other closely only the last may be told. It outlives whatever keeps
	// it from looking, and ends with ctx, whose error it returns.
	Watch(ctx context.Context, changed func(Version)) error
}

// Entry describes one version of a registry.
type Entry struct {
	Version Version
	Name    string
	Created time.Time
	Latest  bool
	Err     error // why the version cannot be read; then Name and Created are empty
}
