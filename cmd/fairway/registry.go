package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres"
)

// registry is a model.Registry that was opened, in a directory or a database.
type registry struct {
	model.Registry
	close func()
}

// isDatabase tells the URL of a database from a path.
func isDatabase(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// openRegistry opens a registry that is there: only publishing makes a
// directory.
func openRegistry(ctx context.Context, path string) (*registry, error) {
	if isDatabase(path) {
		return makeRegistry(ctx, path)
	}
	if stat, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no registry: %w; `fairway model publish` makes one", err)
	} else if !stat.IsDir() {
		return nil, fmt.Errorf("%s: is a file, not the directory of a registry", path)
	}
	return makeRegistry(ctx, path)
}

func makeRegistry(ctx context.Context, path string) (*registry, error) {
	if !isDatabase(path) {
		directory, err := model.OpenDirectory(path)
		if err != nil {
			return nil, err
		}
		directory.By = person()
		return &registry{directory, func() {}}, nil
	}
	db, err := openDatabase(ctx, path)
	if err != nil {
		return nil, err
	}
	return &registry{db.Registry(), db.Close}, nil
}

// openDatabase gives up after the connection's own timeout, 5 s by default.
func openDatabase(ctx context.Context, url string) (*postgres.Database, error) {
	if !isDatabase(url) {
		return nil, usagef("%q is not a database; want postgres://user@host:port/database", url)
	}
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	db.By = person()
	return db, nil
}

// person is who acts, for the events: user@host, as far as that is known.
func person() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

func versionNumber(text string) (model.Version, error) {
	version, err := strconv.ParseUint(text, 10, 63)
	if err != nil || version == 0 {
		return 0, usagef("version is %q; want a number that `list` shows", text)
	}
	return model.Version(version), nil
}

// succession is how the versions of models or of rules came about.
type succession interface {
	Events(ctx context.Context, n int) ([]model.Event, error)
	RollBack(ctx context.Context, from, to model.Version, why string) error
}

// goBack makes the version that was served before the latest again, unless
// somebody else is faster.
func goBack(ctx context.Context, out io.Writer, subject string, entries []model.Entry, s succession) error {
	events, err := s.Events(ctx, 0)
	if err != nil {
		return err
	}
	var latest model.Version
	for _, e := range entries {
		if e.Latest {
			latest = e.Version
		}
	}
	before := model.Before(subject, entries, events)
	switch {
	case latest == 0:
		return errors.New("no version is the latest; promote one")
	case before == 0:
		return fmt.Errorf("there is no readable version before %d to go back to", latest)
	}
	if err := s.RollBack(ctx, latest, before, "asked for by hand"); err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is the latest now, %d no more\n", before, latest)
	return nil
}

func writeEvents(ctx context.Context, out io.Writer, s succession) error {
	events, err := s.Events(ctx, 0)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "time\tsubject\tversion\tfrom\tevent\tby\ttext")
	for _, e := range events {
		at := ""
		if !e.Time.IsZero() {
			at = e.Time.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at, e.Subject, e.Version, e.From, e.Kind, oneLine(e.By), oneLine(e.Text))
	}
	return t.Flush()
}
