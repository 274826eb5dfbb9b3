package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/anomaly"
)

func newDetectCommand() *cobra.Command {
	var in, train, out string
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "score how strange each row of a table of metrics is",
		Long:  "detect reads a CSV file whose first column is the timestamp and every other column a metric\n(columns named label are ignored). It scores each row by the rows before it; --train gives\nit history first.",
		Args:  noArguments,
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
	tracker := anomaly.New(len(input.names), anomaly.DefaultConfig())
	surprise := make([]float64, len(input.names))
	if train != "" {
		if err := learn(ctx, tracker, surprise, train, input.names); err != nil {
			return err
		}
	}
	table := csv.NewWriter(w)
	if err := table.Write([]string{input.clock, "anomaly_score", "top_metric"}); err != nil {
		return err
	}
	for {
		stamp, values, err := input.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		score := tracker.Push(surprise, values)
		top := ""
		if score.Top >= 0 {
			top = input.names[score.Top]
		}
		if err := table.Write([]string{stamp, strconv.FormatFloat(score.Value, 'g', 6, 64), top}); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// learn shows the tracker the history, which must have the same metrics; they
// may stand in another order.
func learn(ctx context.Context, tracker *anomaly.Tracker, surprise []float64, path string, names []string) error {
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
	for {
		_, values, err := history.next()
		if errors.Is(err, io.EOF) {
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
		tracker.Push(surprise, ordered)
	}
}

// metricsTable reads a CSV of a timestamp and metrics, row by row.
type metricsTable struct {
	path    string
	file    *os.File
	reader  *csv.Reader
	clock   string   // name of the first column
	names   []string // of the metrics
	columns []int
	values  []float64
}

func openMetrics(path string) (*metricsTable, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &metricsTable{path: path, file: file, reader: csv.NewReader(file)}
	head, err := t.reader.Read()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: no head line: %w", path, err), file.Close())
	}
	t.clock = head[0]
	for i, name := range head[1:] {
		if name != "label" {
			t.names, t.columns = append(t.names, name), append(t.columns, i+1)
		}
	}
	if len(t.names) == 0 {
		return nil, errors.Join(fmt.Errorf("%s:1: no metric beside the timestamp %q", path, t.clock), file.Close())
	}
	t.values = make([]float64, len(t.names))
	return t, nil
}

// next returns the timestamp as it is written and the values, valid until the
// next call. An empty field is a missing value.
func (t *metricsTable) next() (string, []float64, error) {
	record, err := t.reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return "", nil, io.EOF
		}
		return "", nil, fmt.Errorf("%s: %w", t.path, err)
	}
	for i, column := range t.columns {
		t.values[i] = math.NaN()
		if text := record[column]; text != "" {
			if t.values[i], err = strconv.ParseFloat(text, 64); err != nil {
				line, _ := t.reader.FieldPos(column)
				return "", nil, fmt.Errorf("%s:%d: %s is %q; want a number or nothing", t.path, line, t.names[i], text)
			}
		}
	}
	return record[0], t.values, nil
}
