package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fairway-mesh/fairway/model"
)

// rulesRegistry is a model.RulesRegistry that was opened, in a directory or a database.
type rulesRegistry struct {
	model.RulesRegistry
	close func()
}

// openRulesRegistry opens a registry that is there.
func openRulesRegistry(ctx context.Context, where string) (*rulesRegistry, error) {
	if !isDatabase(where) && !model.IsRulesDirectory(where) {
		return nil, usagef("%q has no versions of rules; want postgres://user@host:port/database, or a directory that `fairway rules publish` or fairwayd (the state's loop-…/rules) has made", where)
	}
	return makeRulesRegistry(ctx, where)
}

// makeRulesRegistry makes a directory where there is none. One that holds something
// else is refused: rules and their versions are not to be mixed.
func makeRulesRegistry(ctx context.Context, where string) (*rulesRegistry, error) {
	if isDatabase(where) {
		db, err := openDatabase(ctx, where)
		if err != nil {
			return nil, err
		}
		return &rulesRegistry{db.Rules(), db.Close}, nil
	}
	entries, err := os.ReadDir(where)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no registry: %w", err)
	case len(entries) > 0 && !model.IsRulesDirectory(where):
		return nil, usagef("%s holds other files than versions of rules; name a database, or a directory that is empty or new", where)
	}
	directory, err := model.OpenRulesDirectory(where)
	if err != nil {
		return nil, err
	}
	directory.By = person()
	return &rulesRegistry{directory, func() {}}, nil
}
