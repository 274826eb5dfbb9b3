package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Directory is a Registry in a directory of one file per version. Set the fields
// before the first use.
type Directory struct{ shelf }

var (
	_ Registry = (*Directory)(nil)
	_ Watcher  = (*Directory)(nil)
)

// OpenDirectory opens the registry at path, which it creates when missing.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return directory(path), nil
}

func directory(path string) *Directory {
	d := &Directory{newShelf(path, SubjectModel, ".model", fmt.Errorf("%w; publish one, or give a model file", ErrEmpty))}
	d.readable = func(ctx context.Context, v Version) error { _, err := d.Get(ctx, v); return err }
	return d
}

// Publish implements Registry. When the version is stored and the error not
// nil, the version is there but may not be the latest, or have no event.
func (d *Directory) Publish(ctx context.Context, m *Model) (Version, error) {
	return d.publish(ctx, m.Name, func(f io.Writer, v Version) error {
		published := *m
		published.Version = v
		return Write(f, &published)
	})
}

// Latest implements Registry.
func (d *Directory) Latest(ctx context.Context) (*Model, error) {
	version, err := d.latest()
	if err != nil {
		return nil, err
	}
	return d.Get(ctx, version)
}

// Get implements Registry.
func (d *Directory) Get(ctx context.Context, v Version) (*Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := readFile(d.file(v))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("registry %s: no version %d", d.path, v)
	} else if err != nil {
		return nil, fmt.Errorf("registry: %w; promote another version", err)
	}
	m.Version = v // the name of the file decides
	return m, nil
}

// List implements Registry.
func (d *Directory) List(ctx context.Context) ([]Entry, error) {
	versions, err := d.versions()
	if err != nil {
		return nil, err
	}
	latest, _ := d.latest() // 0 when there is none or it is damaged, which Latest tells
	entries := make([]Entry, 0, len(versions))
	for _, v := range versions {
		e := Entry{Version: v, Latest: v == latest}
		if m, err := d.Get(ctx, v); err == nil {
			e.Name, e.Created = m.Name, m.Created
		} else if ctx.Err() != nil {
			return nil, ctx.Err()
		} else {
			e.Err = err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
