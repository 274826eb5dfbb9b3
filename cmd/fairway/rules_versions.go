package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
)

// publishRules has the rules compiled first: no daemon is to find out what is
// wrong with them.
func publishRules(ctx context.Context, out io.Writer, args []string) error {
	paths := args[1:]
	name, text, err := load.Read(paths...)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	set, _, err := load.Compile(name, text) // `check` tells of findings
	if err != nil {
		return err
	}
	r, err := makeRulesRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer r.close()
	version, err := r.Publish(ctx, set.Version(), string(text))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "published %s as version %d\n", strings.Join(paths, ", "), version)
	return nil
}

func listRules(ctx context.Context, out io.Writer, args []string) error {
	r, err := openRulesRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer r.close()
	all, err := r.List(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "version\tlatest\tname\thash\tpublished\tby")
	for _, v := range all {
		if v.Err != nil {
			fmt.Fprintf(t, "%d\t%s\tcannot be read: %s\t\t\t\n", v.Version, star(v.Latest), oneLine(v.Err.Error()))
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", v.Version, star(v.Latest), oneLine(v.Name), v.Hash[:min(12, len(v.Hash))], v.Time.Format(time.RFC3339), v.Author)
	}
	return t.Flush()
}

// diffRules compares two versions of a registry, or the rules at two paths.
func diffRules(ctx context.Context, out io.Writer, args []string) error {
	from, to, err := bothRules(ctx, args)
	if err != nil {
		return err
	}
	changed, err := load.Diff(out, from, to)
	if err == nil && !changed {
		fmt.Fprintln(out, "no difference")
	}
	return err
}

func bothRules(ctx context.Context, args []string) (from, to *rules.Set, err error) {
	if !isDatabase(args[0]) && !model.IsRulesDirectory(args[0]) {
		if len(args) != 2 {
			return nil, nil, usagef("%q has no versions of rules; two paths can be compared, or versions of a database or a directory of them", args[0])
		}
		from, err = readRules(io.Discard, args[0])
		if err == nil {
			to, err = readRules(io.Discard, args[1])
		}
		return from, to, err
	}
	r, err := openRulesRegistry(ctx, args[0])
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	if from, err = versionOfRules(ctx, r, args[1]); err != nil {
		return nil, nil, err
	}
	text := ""
	if len(args) > 2 {
		text = args[2]
	}
	to, err = versionOfRules(ctx, r, text)
	return from, to, err
}

// versionOfRules reads a version; the latest, where none is named.
func versionOfRules(ctx context.Context, r model.RulesRegistry, text string) (*rules.Set, error) {
	var v *model.RulesVersion
	var err error
	if text == "" {
		v, err = r.Latest(ctx)
	} else {
		var number model.Version
		if number, err = versionNumber(text); err == nil {
			v, err = r.Get(ctx, number)
		}
	}
	if err != nil {
		return nil, err
	}
	set, _, err := load.Compile(fmt.Sprintf("version %d", v.Version), []byte(v.Text))
	return set, err
}

func promoteRules(ctx context.Context, out io.Writer, args []string) error {
	version, err := versionNumber(args[1])
	if err != nil {
		return err
	}
	r, err := openRulesRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.Promote(ctx, version); err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is the latest now\n", version)
	return nil
}

func rollbackRules(ctx context.Context, out io.Writer, args []string) error {
	r, err := openRulesRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer r.close()
	all, err := r.List(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no rules have been published: nothing to go back to")
	}
	return goBack(ctx, out, model.SubjectRules, model.Entries(all), r)
}

func listRulesEvents(ctx context.Context, out io.Writer, args []string) error {
	r, err := openRulesRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer r.close()
	return writeEvents(ctx, out, r)
}
