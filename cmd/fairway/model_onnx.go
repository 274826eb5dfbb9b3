package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/model/onnx"
)

func newModelExportCommand() *cobra.Command {
	var format, out string
	cmd := positional("export MODEL", "write a model's networks for other programs to run", nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := needed(cmd, "out"); err != nil {
			return err
		}
		if format != "onnx" {
			return usagef("--format is %q; want onnx", format)
		}
		m, err := model.Load(args[0])
		if err != nil {
			return err
		}
		if err := writeFile(out, func(w io.Writer) error { return onnx.Write(w, m) }); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", out)
		return nil
	}
	cmd.Flags().StringVar(&format, "format", "onnx", "onnx: one graph, raw columns in, raw outputs out; docs/onnx.md says what they mean")
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	return cmd
}

// importOptions say what a network that fairway did not train takes and means.
type importOptions struct {
	onnx, out, kind         string
	like, schema            string
	columns                 []string
	columnsFile, scaler     string
	routes, bins            []string
	window, scrape, horizon time.Duration
}

// failureKind names the failure network beside the kinds of routing networks.
const failureKind = "failure"

func newModelImportCommand() *cobra.Command {
	var o importOptions
	var names []string
	for _, c := range features.Columns() {
		names = append(names, c.Name)
	}
	cmd := &cobra.Command{
		Use:   "import --onnx FILE --out FILE [--kind KIND (--like MODEL | --schema NAME)]",
		Short: "make a model of a network in an ONNX file",
		Long: `Reads what ` + "`fairway model export`" + ` wrote, and needs no more than --onnx and --out
for it. Of a dense network that another program wrote (Keras, PyTorch), --kind
says what its outputs mean, --like or --schema whose metrics it is for, and
--columns what its inputs are. docs/onnx.md has what can be read, and an example.

Columns that a frame has: ` + strings.Join(names, ", ") + `.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.contradictions(cmd); err != nil {
				return err
			}
			if err := place(o.out); err != nil {
				return err
			}
			m, how, err := o.model()
			if err != nil {
				return err
			}
			if err := model.Save(o.out, m); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%swrote %s\n", how, o.out)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.onnx, "onnx", "", "ONNX file to read")
	flags.StringVar(&o.out, "out", "", "model file to write")
	flags.StringVar(&o.kind, "kind", "", "what the network is: outcome, softmax, fixed5 or failure; not needed for a file of fairway's")
	flags.StringVar(&o.like, "like", "", "model whose schema, timing, objective and other network are kept, and whose columns, scaler, routes and bins hold where none are given")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name, where there is no model to be like")
	flags.StringSliceVar(&o.columns, "columns", nil, "columns that the network takes, in order (fixed5: of each route)")
	flags.StringVar(&o.columnsFile, "columns-file", "", "file with the columns, separated by commas, blanks or lines")
	flags.StringVar(&o.scaler, "scaler", "", "JSON file with what brings raw columns to the network: center and scale, and if known impute, low and high, each a list in the order of the columns")
	flags.StringSliceVar(&o.routes, "routes", nil, "the five endpoints of a fixed5 network, in order; an empty name is a place that none takes")
	flags.StringSliceVar(&o.bins, "bins", nil, "upper edges of the bins of time of a failure network, such as 5s,15s,30s; the last is the horizon")
	flags.DurationVar(&o.window, "window", 0, "with --schema: time between decisions (default the schema's, else 15s)")
	flags.DurationVar(&o.scrape, "scrape", 0, "with --schema: time between two scrapes, by which metrics are late (default the window)")
	flags.DurationVar(&o.horizon, "horizon", 0, "with --schema: how far ahead the network looks (default 1m0s, at least three windows)")
	return cmd
}

// contradictions refuses flags that say too little, or of which one would have
// no say.
func (o *importOptions) contradictions(cmd *cobra.Command) error {
	if err := needed(cmd, "onnx", "out"); err != nil {
		return err
	}
	changed := func(names ...string) string {
		for _, name := range names {
			if cmd.Flag(name).Changed {
				return name
			}
		}
		return ""
	}
	kinds := []string{failureKind}
	for _, kind := range model.Kinds() {
		kinds = append(kinds, string(kind))
	}
	switch {
	case o.kind == "":
		if name := changed("like", "schema", "columns", "columns-file", "scaler", "routes", "bins", "window", "scrape", "horizon"); name != "" {
			return usagef("--%s is for a network of others, of which --kind says what it is: %s", name, cmd.Flag("kind").Usage)
		}
		return nil
	case !slices.Contains(kinds, o.kind):
		return usagef("--kind is %q; want one of %v", o.kind, kinds)
	case (o.like == "") == (o.schema == ""):
		return usagef("a network of kind %s needs one of --like MODEL and --schema NAME: whose metrics it is for", o.kind)
	case o.like != "" && changed("window", "scrape", "horizon") != "":
		return usagef("--%s is for --schema; --like takes its timing from the model", changed("window", "scrape", "horizon"))
	case o.window < 0 || o.scrape < 0 || o.horizon < 0:
		return usagef("--window, --scrape and --horizon are %v, %v and %v; want times above 0", o.window, o.scrape, o.horizon)
	case changed("columns") != "" && changed("columns-file") != "":
		return usagef("--columns and --columns-file both name columns; leave one of them out")
	case changed("routes") != "" && o.kind != string(model.Fixed5):
		return usagef("--routes is for --kind fixed5")
	case changed("bins") != "" && o.kind != failureKind:
		return usagef("--bins is for --kind failure")
	}
	return nil
}
