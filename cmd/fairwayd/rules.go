package main

import (
	"context"
	"errors"
	"os"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/loop"
)

// openRules finds the rules to begin with.
func (d *daemon) openRules(ctx context.Context) (first loop.Change, err error) {
	first.Subject = model.SubjectRules
	if d.options.rules == "" {
		return first, nil
	}
	if inDatabase(d.options.rules) {
		return d.openDatabaseRules(ctx)
	}
	if d.rulesFrom, err = d.rulesAt(d.options.rules); err != nil {
		return first, err
	}
	now, err := loop.First(ctx, d.rulesFrom)
	if errors.Is(err, loop.ErrUnsettled) { // what an operator starts the daemon with counts, however little there is of it
		return first, nil
	}
	if err != nil && errors.Is(err, os.ErrNotExist) {
		return first, err
	}
	return d.begin(first.Subject, now, err)
}

// historyDirectory is where the state keeps every version of rules in files.
const historyDirectory = "rules"

// rulesAt is the Origin of rules in files, or in a directory that `fairway rules
// publish` has made.
func (d *daemon) rulesAt(path string) (loop.Origin, error) {
	if model.IsRulesDirectory(path) {
		directory, err := model.OpenRulesDirectory(path)
		if err != nil {
			return nil, err
		}
		directory.By = ownName()
		return loop.RegistryRules(directory, ownName()), nil
	}
	kept := d.memory.Path(historyDirectory)
	if kept == "" {
		return loop.RulesFile(path), nil
	}
	directory, err := model.OpenRulesDirectory(kept)
	if err != nil {
		d.log.Error("the versions of the rules are not kept", "error", err) // they serve none the less
		return loop.RulesFile(path), nil
	}
	directory.By = ownName()
	d.log.Info("versions of the rules are kept; `fairway rules list` and rollback take this directory", "directory", kept)
	return loop.History(path, directory, ownName(), func(err error) {
		d.log.Error("a version of the rules is not kept", "error", err)
	}), nil
}
