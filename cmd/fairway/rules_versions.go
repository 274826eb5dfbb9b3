package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules"
)

// publishRules has the rules compiled first: no daemon is to find out what is
// wrong with them.
func publishRules(ctx context.Context, out io.Writer, args []string) error {
	text, err := os.ReadFile(args[1])
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	file, err := rules.Parse(args[1], text)
	if err != nil {
		return err
	}
	if _, err := rules.Compile(file); err != nil {
		return err
	}
	db, err := openDatabase(ctx, args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	version, err := db.Rules().Publish(ctx, file.Version, string(text))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "published %s as version %d\n", args[1], version)
	return nil
}

func listRules(ctx context.Context, out io.Writer, args []string) error {
	db, err := openDatabase(ctx, args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Rules().List(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "version\tlatest\tpublished\tby\tname")
	for _, v := range all {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", v.Version, star(v.Latest), v.Time.Format(time.RFC3339), v.Author, oneLine(v.Name))
	}
	return t.Flush()
}

func promoteRules(ctx context.Context, out io.Writer, args []string) error {
	version, err := versionNumber(args[1])
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Rules().Promote(ctx, version); err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is the latest now\n", version)
	return nil
}

func rollbackRules(ctx context.Context, out io.Writer, args []string) error {
	db, err := openDatabase(ctx, args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Rules().List(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no rules have been published: nothing to go back to")
	}
	entries := make([]model.Entry, len(all))
	for i, v := range all {
		entries[i] = model.Entry{Version: v.Version, Name: v.Name, Created: v.Time, Latest: v.Latest}
	}
	return goBack(ctx, out, model.SubjectRules, entries, db.Rules())
}

func listRulesEvents(ctx context.Context, out io.Writer, args []string) error {
	db, err := openDatabase(ctx, args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	return writeEvents(ctx, out, db.Rules())
}
