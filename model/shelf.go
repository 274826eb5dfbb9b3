package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// shelf keeps versions of one subject in a directory of one file per version, a
// file `latest` that holds the number of the one that is served, and a file
// `events.jsonl`. Any number of goroutines and programs may use one directory
// at a time: a version gets its name by a hard link, which fails when the name
// is taken, every file appears whole, and who changes the latest holds a lock.
type shelf struct {
	By    string           // who acts, for the events
	Clock func() time.Time // for the events
	Poll  time.Duration    // how often Watch looks
	// Trouble, where it is set, is told why Watch cannot see which version is
	// the latest, and nil once it can again.
	Trouble func(error)

	path, subject, suffix string
	empty                 error                                // where there is no latest
	readable              func(context.Context, Version) error // nil: it can be served
}

const (
	pointer = "latest"
	holder  = "lock"
)

func newShelf(path, subject, suffix string, empty error) shelf {
	return shelf{Clock: time.Now, Poll: 2 * time.Second, path: path, subject: subject, suffix: suffix, empty: empty}
}

// publish stores what write writes under the next version, and makes it the latest.
func (d *shelf) publish(ctx context.Context, text string, write func(io.Writer, Version) error) (Version, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		version, err := d.newest()
		if err != nil {
			return 0, err
		}
		version++
		if err := d.claim(version, write); errors.Is(err, fs.ErrExist) {
			continue // another publisher was faster
		} else if err != nil {
			return 0, fmt.Errorf("registry %s: publish version %d: %w", d.path, version, err)
		}
		return version, d.change(Event{Kind: Published, Text: text}, func(Version) (Version, error) { return version, nil })
	}
}

// claim writes a version; fs.ErrExist when there is one already.
func (d *shelf) claim(version Version, write func(io.Writer, Version) error) error {
	temporary, err := durable.Temporary(d.path, 0o644, func(w io.Writer) error { return write(w, version) })
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, d.file(version)); err != nil {
		return err
	}
	return durable.Sync(d.path)
}

// change makes what choose returns the latest, given what is now (0: nothing),
// and records e for it. One program at a time does so. A publisher that is
// slower than one of a newer version leaves that the latest.
func (d *shelf) change(e Event, choose func(now Version) (Version, error)) error {
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
	e.Subject, e.Version = d.subject, fmt.Sprint(version)
	if now != 0 {
		e.From = fmt.Sprint(now)
	}
	return d.Record(context.Background(), e)
}

func (d *shelf) point(version Version) error {
	if err := durable.WriteText(filepath.Join(d.path, pointer), 0o644, fmt.Appendln(nil, uint64(version))); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

func (d *shelf) latest() (Version, error) {
	path := filepath.Join(d.path, pointer)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("registry %s: %w", d.path, d.empty)
	} else if err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s: holds %.40q, not a version; promote one", path, text)
	}
	return Version(n), nil
}

// Promote implements Registry. A version that cannot be read is not promoted.
func (d *shelf) Promote(ctx context.Context, v Version) error {
	if err := d.readable(ctx, v); err != nil {
		return err
	}
	return d.change(Event{Kind: Promoted}, func(Version) (Version, error) { return v, nil })
}

// RollBack implements Registry. A version that cannot be read is not gone back
// to.
func (d *shelf) RollBack(ctx context.Context, from, to Version, why string) error {
	if err := d.readable(ctx, to); err != nil {
		return err
	}
	return d.change(Event{Kind: RolledBack, Text: why}, func(now Version) (Version, error) {
		if now != from {
			return 0, fmt.Errorf("registry %s: roll back from version %d: %w (%d)", d.path, from, ErrMoved, now)
		}
		return to, nil
	})
}

func (d *shelf) file(v Version) string {
	return filepath.Join(d.path, fmt.Sprintf("%06d%s", v, d.suffix))
}

// versions lists the versions in ascending order. Files that are being
// written, or are something else, do not count.
func (d *shelf) versions() ([]Version, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var versions []Version
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), d.suffix)
		if n, err := strconv.ParseUint(number, 10, 64); ok && err == nil && n > 0 && filepath.Join(d.path, e.Name()) == d.file(Version(n)) {
			versions = append(versions, Version(n))
		}
	}
	slices.SortFunc(versions, cmp.Compare)
	return versions, nil
}

func (d *shelf) newest() (Version, error) {
	versions, err := d.versions()
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	return versions[len(versions)-1], nil
}
