package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
)

func newModelCommand() *cobra.Command {
	return group("model", "list, show, publish, promote, roll back and doubt models; export and import networks",
		positional("list REGISTRY", "the versions of a registry, oldest first", listModels),
		positional("show MODEL|REGISTRY [VERSION]", "what a model is and where it comes from", showModel),
		positional("publish REGISTRY MODEL", "add a model file as the newest version and serve it", publishModel),
		positional("promote REGISTRY VERSION", "serve another version", promoteModel),
		positional("rollback REGISTRY", "serve the version that was served before the present one", rollbackModel),
		positional("events REGISTRY", "what happened to the versions, oldest first", listEvents),
		newModelExportCommand(), newModelImportCommand(), newDoubtCommand(),
	)
}

// positional is a command without flags; words of use in brackets may be left
// out.
func positional(use, short string, do func(context.Context, io.Writer, []string) error) *cobra.Command {
	most := len(strings.Fields(use)) - 1
	least := most - strings.Count(use, "[")
	if strings.HasSuffix(use, "…") {
		most = math.MaxInt
	}
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < least || len(args) > most {
				return usagef("%s wants %q", cmd.CommandPath(), use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return do(cmd.Context(), cmd.OutOrStdout(), args) },
	}
}

func listModels(ctx context.Context, out io.Writer, args []string) error {
	registry, err := openRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer registry.close()
	entries, err := registry.List(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "version\tlatest\tcreated\tname")
	for _, e := range entries {
		if e.Err != nil {
			fmt.Fprintf(t, "%d\t%s\t\tunreadable: %v\n", e.Version, star(e.Latest), e.Err)
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", e.Version, star(e.Latest), e.Created.Format(time.RFC3339), oneLine(e.Name))
	}
	return t.Flush()
}

func star(latest bool) string {
	if latest {
		return "*"
	}
	return ""
}

func showModel(ctx context.Context, out io.Writer, args []string) error {
	m, err := modelAt(ctx, args)
	if err != nil {
		return err
	}
	return m.WriteText(out)
}

// modelAt reads a model file, the latest version of a registry, or the one that
// the second argument names.
func modelAt(ctx context.Context, args []string) (*model.Model, error) {
	if len(args) == 1 && !isDatabase(args[0]) {
		return model.Load(args[0])
	}
	registry, err := openRegistry(ctx, args[0])
	if err != nil {
		return nil, err
	}
	defer registry.close()
	if len(args) == 1 {
		return registry.Latest(ctx)
	}
	version, err := versionNumber(args[1])
	if err != nil {
		return nil, err
	}
	return registry.Get(ctx, version)
}

func publishModel(ctx context.Context, out io.Writer, args []string) error {
	m, err := model.Load(args[1])
	if err != nil {
		return err
	}
	registry, err := makeRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer registry.close()
	// Training writes no time, so that equal trainings write equal files.
	if m.Created.IsZero() {
		m.Created = time.Now().UTC()
	}
	version, err := registry.Publish(ctx, m)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "published %s as version %d\n", args[1], version)
	return nil
}

func promoteModel(ctx context.Context, out io.Writer, args []string) error {
	version, err := versionNumber(args[1])
	if err != nil {
		return err
	}
	registry, err := openRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer registry.close()
	if err := registry.Promote(ctx, version); err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is the latest now\n", version)
	return nil
}

func rollbackModel(ctx context.Context, out io.Writer, args []string) error {
	registry, err := openRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer registry.close()
	entries, err := registry.List(ctx)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fmt.Errorf("%w: nothing to go back to", model.ErrEmpty)
	}
	return goBack(ctx, out, model.SubjectModel, entries, registry)
}

func listEvents(ctx context.Context, out io.Writer, args []string) error {
	registry, err := openRegistry(ctx, args[0])
	if err != nil {
		return err
	}
	defer registry.close()
	return writeEvents(ctx, out, registry)
}
