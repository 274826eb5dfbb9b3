package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
)

func newModelCommand() *cobra.Command {
	return group("model", "list, show, publish, promote, roll back, doubt, export and import models",
		modelCommand("list REGISTRY", "the versions of a registry, oldest first", 1, func(ctx context.Context, out io.Writer, args []string) error {
			return listModels(ctx, out, args[0])
		}),
		modelCommand("show MODEL", "what a model is and where it comes from", 1, func(_ context.Context, out io.Writer, args []string) error {
			m, err := model.Load(args[0])
			if err != nil {
				return err
			}
			return m.WriteText(out)
		}),
		modelCommand("publish REGISTRY MODEL", "add a model file as the newest version and serve it", 2, func(ctx context.Context, out io.Writer, args []string) error {
			return publishModel(ctx, out, args[0], args[1])
		}),
		modelCommand("promote REGISTRY VERSION", "serve another version", 2, func(ctx context.Context, out io.Writer, args []string) error {
			return promoteModel(ctx, out, args[0], args[1])
		}),
		modelCommand("rollback REGISTRY", "serve the version before the present one", 1, func(ctx context.Context, out io.Writer, args []string) error {
			return rollbackModel(ctx, out, args[0])
		}),
		newDoubtCommand(), newModelExportCommand(), newModelImportCommand(),
	)
}

func modelCommand(use, short string, n int, do func(context.Context, io.Writer, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != n {
				return usagef("%s wants %q", cmd.CommandPath(), use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return do(cmd.Context(), cmd.OutOrStdout(), args) },
	}
}

func listModels(ctx context.Context, out io.Writer, path string) error {
	entries, err := listed(ctx, path)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "version\tlatest\tcreated\tname")
	for _, e := range entries {
		latest := ""
		if e.Latest {
			latest = "*"
		}
		if e.Err != nil {
			fmt.Fprintf(t, "%d\t%s\t\tunreadable: %v\n", e.Version, latest, e.Err)
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", e.Version, latest, e.Created.Format(time.RFC3339), e.Name)
	}
	return t.Flush()
}

func listed(ctx context.Context, path string) ([]model.Entry, error) {
	registry, err := openRegistry(path)
	if err != nil {
		return nil, err
	}
	return registry.List(ctx)
}

// openRegistry opens a registry that is there: only publishing makes one.
func openRegistry(path string) (*model.Directory, error) {
	if stat, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no registry: %w; `fairway model publish` makes one", err)
	} else if !stat.IsDir() {
		return nil, fmt.Errorf("%s: is a file, not the directory of a registry", path)
	}
	return model.OpenDirectory(path)
}

func publishModel(ctx context.Context, out io.Writer, path, file string) error {
	m, err := model.Load(file)
	if err != nil {
		return err
	}
	registry, err := model.OpenDirectory(path)
	if err != nil {
		return err
	}
	// Training writes no time, so that equal trainings write equal files.
	if m.Created.IsZero() {
		m.Created = time.Now().UTC()
	}
	version, err := registry.Publish(ctx, m)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "published %s as version %d\n", file, version)
	return nil
}

func promoteModel(ctx context.Context, out io.Writer, path, text string) error {
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return usagef("version is %q; want a number from `fairway model list`", text)
	}
	registry, err := openRegistry(path)
	if err != nil {
		return err
	}
	if err := registry.Promote(ctx, model.Version(version)); err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is the latest now\n", version)
	return nil
}

func rollbackModel(ctx context.Context, out io.Writer, path string) error {
	entries, err := listed(ctx, path)
	if err != nil {
		return err
	}
	var latest, before model.Version
	for _, e := range entries {
		if e.Latest {
			latest = e.Version
		}
	}
	for _, e := range entries {
		if e.Err == nil && e.Version < latest && e.Version > before {
			before = e.Version
		}
	}
	if len(entries) == 0 {
		return fmt.Errorf("%s: %w: nothing to go back to", path, model.ErrEmpty)
	}
	if before == 0 {
		return fmt.Errorf("%s: there is no readable version before %d to go back to", path, latest)
	}
	return promoteModel(ctx, out, path, strconv.FormatUint(uint64(before), 10))
}
