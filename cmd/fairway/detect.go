package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/anomaly"
)

func newDetectCommand() *cobra.Command {
	var in, train, out string
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "score how strange each row of a table of metrics is",
		Long: "detect reads a CSV file, plain or gzip, whose first column is the timestamp and every other column\na metric (columns named label are ignored). It scores each row by the rows before it; --train gives\nit history first.\n" +
			"Of up to four metrics a score of 0.5 or more is an alert: one at the onset of what is strange, then\nnone for a while. Of more metrics the score is how unlike the history the whole row is, for as long as\nit is: 0.5 is ten times as far out as usual.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "in"); err != nil {
				return err
			}
			return writeOutput(out, cmd.OutOrStdout(), func(w io.Writer) error { return detect(cmd.Context(), w, in, train) })
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "CSV file to score")
	cmd.Flags().StringVar(&train, "train", "", "CSV file with history of the same metrics")
	cmd.Flags().StringVar(&out, "out", "", "file to write; without it stdout")
	return cmd
}

func detect(ctx context.Context, w io.Writer, in, train string) error {
	input, err := openMetrics(in)
	if err != nil {
		return err
	}
	defer input.file.Close()
	metrics := anomaly.NewTable(len(input.names), anomaly.DefaultAlarmConfig())
	if train != "" {
		if err := learn(ctx, metrics, train, input.names); err != nil {
			return err
		}
		metrics.Hold()
	}
	table := csv.NewWriter(w)
	if err := table.Write([]string{input.clock, "anomaly_score", "top_metric"}); err != nil {
		return err
	}
	err = score(ctx, table, input, metrics)
	table.Flush() // what was read before a row that cannot be is whole rows
	return firstError(err, table.Error())
}

// score writes a row for each row of the input.
func score(ctx context.Context, table *csv.Writer, input *metricsTable, metrics *anomaly.Table) error {
	for {
		stamp, values, err := input.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		verdict := metrics.Push(instant(stamp), values)
		top := ""
		if verdict.Top >= 0 {
			top = input.names[verdict.Top]
		}
		if err := table.Write([]string{stamp, strconv.FormatFloat(verdict.Score, 'g', 6, 64), top}); err != nil {
			return err
		}
	}
}

// learn shows the metrics' history, which must have the same metrics; they
// may stand in another order.
func learn(ctx context.Context, metrics *anomaly.Table, path string, names []string) error {
	history, err := openMetrics(path)
	if err != nil {
		return err
	}
	defer history.file.Close()
	position := map[string]int{}
	for i, name := range history.names {
		position[name] = i
	}
	ordered := make([]float64, len(names))
	for rows := 0; ; rows++ {
		stamp, values, err := history.next()
		switch {
		case errors.Is(err, io.EOF) && rows == 0:
			return fmt.Errorf("%s: the history has no rows; leave --train out where there is none", path)
		case errors.Is(err, io.EOF):
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		for i, name := range names {
			from, ok := position[name]
			if !ok {
				return fmt.Errorf("%s: metric %q of the input is missing", path, name)
			}
			ordered[i] = values[from]
		}
		metrics.Push(instant(stamp), ordered)
	}
}
