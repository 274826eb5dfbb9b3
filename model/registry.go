package model

import (
	"context"
	"errors"
	"time"
)

// ErrEmpty says that a registry has no latest model.
var ErrEmpty = errors.New("no model has been published")

// Registry keeps the versions of a model and says which is served.
type Registry interface {
	// Publish stores m under the next version, which it returns, and makes it
	// the latest. m itself is not changed. No version is ever overwritten.
	Publish(ctx context.Context, m *Model) (Version, error)
	// Latest reads the version that is to be served; ErrEmpty when there is
	// none.
	Latest(ctx context.Context) (*Model, error)
	// List describes all versions, oldest first.
	List(ctx context.Context) ([]Entry, error)
	// Promote makes an existing version the latest: a later one, or an
	// earlier one to roll back.
	Promote(ctx context.Context, v Version) error
}

// Entry describes one version of a registry.
type Entry struct {
	Version Version
	Name    string
	Created time.Time
	Latest  bool
	Err     error // why the version cannot be read; then Name and Created are empty
}
