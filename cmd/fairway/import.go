package main

import (
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
)

func newImportCommand() *cobra.Command {
	var schema, out string
	cmd := &cobra.Command{
		Use:   "import FILE.csv…",
		Short: "make OpenMetrics of CSV files, as the part `table` of a schema says",
		Args:  arguments("at least one CSV"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needed(cmd, "schema", "out"); err != nil {
				return err
			}
			table, err := datasets.ReadColumns(schema)
			if err != nil {
				return err
			}
			if err := place(out); err != nil {
				return err
			}
			return writeFile(out, func(w io.Writer) error {
				if !strings.HasSuffix(out, ".gz") {
					return table.Import(cmd.Context(), w, args...)
				}
				packed := gzip.NewWriter(w)
				return errors.Join(table.Import(cmd.Context(), packed, args...), packed.Close())
			})
		},
	}
	cmd.Flags().StringVar(&schema, "schema", "", "schema file with the part `table`")
	cmd.Flags().StringVar(&out, "out", "", "file to write: OpenMetrics, gzipped when it ends in .gz")
	return cmd
}
