package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Directory is a Registry in a directory of one file per version, a file
// `latest` that holds the number of the one that is served, and a file
// `events.jsonl`. Any number of goroutines and programs may use one directory
// at a time: a version gets its name by a hard link, which fails when the name
// is taken, every file appears whole, and who changes the latest holds a lock.
// Set the fields before the first use.
type Directory struct {
	By    string           // who acts, for the events
	Clock func() time.Time // for the events
	Poll  time.Duration    // how often Watch looks
	// Trouble, where it is set, is told why Watch cannot see which version is
	// the latest, and nil once it can again.
	Trouble func(error)

	path string
}

var (
	_ Registry = (*Directory)(nil)
	_ Watcher  = (*Directory)(nil)
)

const (
	suffix  = ".model"
	pointer = "latest"
	holder  = "lock"
)

// OpenDirectory opens the registry at path, which it creates when missing.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &Directory{Clock: time.Now, Poll: 2 * time.Second, path: path}, nil
}

// Publish implements Registry. When the version is stored and the error not
// nil, the version is there but may not be the latest, or have no event.
func (d *Directory) Publish(ctx context.Context, m *Model) (Version, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		version, err := d.newest()
		if err != nil {
			return 0, err
		}
		version++
		if err := d.claim(version, m); errors.Is(err, fs.ErrExist) {
			continue // another publisher was faster
		} else if err != nil {
			return 0, fmt.Errorf("registry %s: publish version %d: %w", d.path, version, err)
		}
		return version, d.change(Event{Kind: Published, Text: m.Name}, func(Version) (Version, error) { return version, nil })
	}
}

// claim writes m under version; fs.ErrExist when there is one already.
func (d *Directory) claim(version Version, m *Model) error {
	published := *m
	published.Version = version
	temporary, err := writeTemporary(d.path, func(f *os.File) error { return Write(f, &published) })
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, d.file(version)); err != nil {
		return err
	}
	return syncDirectory(d.path)
}

// change makes what choose returns the latest, given what is now (0: nothing),
// and records e for it. One program at a time does so. A publisher that is
// slower than one of a newer version leaves that the latest.
func (d *Directory) change(e Event, choose func(now Version) (Version, error)) error {
	release, err := lock(filepath.Join(d.path, holder))
	if err != nil {
		return fmt.Errorf("registry %s: %w", d.path, err)
	}
	defer release()
	now, _ := d.latest() // 0 when there is none or it is damaged: then it is mended
	version, err := choose(now)
	if err != nil {
		return err
	}
	if newest, err := d.newest(); err != nil {
		return err
	} else if e.Kind != Published || newest == version || now < version {
		err = d.point(version)
		if err != nil {
			return err
		}
	}
	e.Subject, e.Version = SubjectModel, fmt.Sprint(version)
	if now != 0 {
		e.From = fmt.Sprint(now)
	}
	return d.Record(context.Background(), e)
}

func (d *Directory) point(version Version) error {
	temporary, err := writeTemporary(d.path, func(f *os.File) error {
		_, err := fmt.Fprintln(f, uint64(version))
		return err
	})
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	defer os.Remove(temporary)
	if err := os.Rename(temporary, filepath.Join(d.path, pointer)); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return syncDirectory(d.path)
}

// Latest implements Registry.
func (d *Directory) Latest(ctx context.Context) (*Model, error) {
	version, err := d.latest()
	if err != nil {
		return nil, err
	}
	return d.Get(ctx, version)
}

func (d *Directory) latest() (Version, error) {
	path := filepath.Join(d.path, pointer)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("registry %s: %w; publish one, or give a model file", d.path, ErrEmpty)
	} else if err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s: holds %.40q, not a version; promote one", path, text)
	}
	return Version(n), nil
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

// Promote implements Registry. A version that cannot be read is not promoted.
func (d *Directory) Promote(ctx context.Context, v Version) error {
	if _, err := d.Get(ctx, v); err != nil {
		return err
	}
	return d.change(Event{Kind: Promoted}, func(Version) (Version, error) { return v, nil })
}

// RollBack implements Registry. A version that cannot be read is not gone back
// to.
func (d *Directory) RollBack(ctx context.Context, from, to Version, why string) error {
	if _, err := d.Get(ctx, to); err != nil {
		return err
	}
	return d.change(Event{Kind: RolledBack, Text: why}, func(now Version) (Version, error) {
		if now != from {
			return 0, fmt.Errorf("registry %s: roll back from version %d: %w (%d)", d.path, from, ErrMoved, now)
		}
		return to, nil
	})
}

func (d *Directory) file(v Version) string {
	return filepath.Join(d.path, fmt.Sprintf("%06d%s", v, suffix))
}

// versions lists the versions in ascending order. Files that are being
// written, or are something else, do not count.
func (d *Directory) versions() ([]Version, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var versions []Version
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.ParseUint(number, 10, 64); ok && err == nil && n > 0 && filepath.Join(d.path, e.Name()) == d.file(Version(n)) {
			versions = append(versions, Version(n))
		}
	}
	slices.SortFunc(versions, cmp.Compare)
	return versions, nil
}

func (d *Directory) newest() (Version, error) {
	versions, err := d.versions()
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	return versions[len(versions)-1], nil
}
