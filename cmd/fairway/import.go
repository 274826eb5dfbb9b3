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
	var schema string
	o := newRequestsOptions()
	cmd := &cobra.Command{
		Use:   "import --schema FILE --out FILE FILE.csv… | import --requests LOG [LOG…] --out DIR",
		Short: "make OpenMetrics of CSV files, or a recording of a proxy's access log",
		Long: `With --schema: makes OpenMetrics of CSV files, as the part ` + "`table`" + ` of a schema
says.

With --requests: makes a recording of access logs, plain or packed: the requests,
and metrics that are computed from them. docs/access-logs.md says for HAProxy,
Envoy and Istio, nginx and Traefik what to switch on, and what the log tells.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(o.logs) > 0 { // what follows --requests are further logs
				return nil
			}
			return arguments("at least one CSV, or --requests with an access log")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.logs) > 0 {
				return importRequests(cmd, o, args)
			}
			if err := needed(cmd, "schema", "out"); err != nil {
				return err
			}
			table, err := datasets.ReadColumns(schema)
			if err != nil {
				return err
			}
			out := o.config.Out
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
	cmd.Flags().StringVar(&o.config.Out, "out", "", "of CSV files, the file to write: OpenMetrics, gzipped when it ends in .gz; of logs, the recording's directory, which must not exist yet")
	o.flags(cmd)
	return cmd
}
