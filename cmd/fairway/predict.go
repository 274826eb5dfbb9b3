package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

type predictOptions struct{ recording, model, schema, rules, format, out string }

func newPredictCommand() *cobra.Command {
	var o predictOptions
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "write what a model foresees: a row per window and endpoint",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "model"); err != nil {
				return err
			}
			if o.format != "csv" && o.format != "jsonl" {
				return usagef("--format is %q; want csv or jsonl", o.format)
			}
			return writeOutput(o.out, cmd.OutOrStdout(), func(w io.Writer) error { return predictAll(cmd.Context(), w, o) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.recording, "recording", "", "recording or dump to walk through")
	flags.StringVar(&o.model, "model", "", "model file, or a registry directory")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the model's")
	flags.StringVar(&o.rules, "rules", "", "rules file")
	flags.StringVar(&o.format, "format", "csv", "csv or jsonl")
	flags.StringVar(&o.out, "out", "", "file to write; without it stdout")
	return cmd
}

// row is one line of the output. NaN is written as nothing, or null.
type row struct {
	time                           time.Time
	service, endpoint              string
	share                          float64
	prediction                     predict.Prediction
	weight                         float64
	source, reason                 string
	failure, confidence, predicted float64 // predicted: unix seconds
	anomaly                        float64
	top                            string
}

var predictColumns = []string{"time", "service", "endpoint", "share", "mean_seconds", "p50_seconds", "p90_seconds", "p99_seconds",
	"error_ratio", "weight", "source", "reason", "failure_probability", "confidence", "predicted_time", "anomaly_score", "top_metric"}

func predictAll(ctx context.Context, w io.Writer, o predictOptions) error {
	m, err := model.Load(o.model)
	if err != nil {
		return err
	}
	recording, err := openFor(ctx, o.recording, o.schema, m)
	if err != nil {
		return err
	}
	defer recording.Close()
	set, err := compileRules(o.rules)
	if err != nil {
		return err
	}
	walk, err := newForesight(m, set)
	if err != nil {
		return err
	}
	write, flush := rowWriter(w, o.format)
	for window, err := range recording.Windows(ctx, m.Timing) {
		if err != nil {
			return err
		}
		rows, err := walk.next(window)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := write(&rows[i]); err != nil {
				return err
			}
		}
	}
	return flush()
}

// openFor opens a recording to be seen with the model's own schema, so that
// what it was trained on and what it is asked about are the same queries.
func openFor(ctx context.Context, path, schema string, m *model.Model) (*datasets.Recording, error) {
	if schema == "" {
		return datasets.OpenWith(ctx, path, &m.Schema)
	}
	recording, err := datasets.Open(ctx, path, schema)
	if err != nil {
		return nil, err
	}
	if recording.Schema.Hash() != m.Schema.Hash() {
		recording.Close()
		return nil, fmt.Errorf("schema %s asks other queries than %s, which the model was trained with; leave --schema out, or train again", recording.Schema.Name, m.Schema.Name)
	}
	return recording, nil
}

func compileRules(path string) (*rules.Set, error) {
	if path == "" {
		return rules.Compile(&rules.File{})
	}
	file, err := rules.Load(path)
	if err != nil {
		return nil, err
	}
	return rules.Compile(file)
}

// foresight runs a model and its policy over windows.
type foresight struct {
	extractor   *features.Extractor
	predictor   *predict.Predictor
	policy      router.Policy
	decision    router.Decision
	predictions []predict.Prediction
	failures    []predict.Failure
	rows        []row
}

func newForesight(m *model.Model, set *rules.Set) (*foresight, error) {
	predictor, err := predict.Compile(m)
	if err != nil {
		return nil, err
	}
	policy, err := router.Named("fairway", m, set, router.DefaultConfig())
	if err != nil {
		return nil, err
	}
	return &foresight{extractor: features.New(m.FeatureConfig()), predictor: predictor, policy: policy}, nil
}

// next returns the rows of one window, valid until the next call.
func (s *foresight) next(w mesh.Window) ([]row, error) {
	f, err := s.extractor.Push(w)
	if err != nil {
		return nil, err
	}
	n := len(f.Endpoints)
	s.predictions, s.failures = unknown(s.predictions, n), unforeseen(s.failures, n)
	// What a model cannot say stays unknown in the row; the policy's reason
	// says why. Only the weights must always be there.
	if err := s.predictor.Predict(s.predictions, f, nil); err != nil {
		s.predictions = unknown(s.predictions, n)
	}
	if err := s.predictor.Forecast(s.failures, f); err != nil {
		s.failures = unforeseen(s.failures, n)
	}
	if err := s.policy.Decide(&s.decision, f); err != nil {
		return nil, fmt.Errorf("%s at %s: %w", f.Service, f.Time.Format(time.RFC3339), err)
	}
	s.rows = s.rows[:0]
	for i := range f.Endpoints {
		s.rows = append(s.rows, s.row(f, i))
	}
	return s.rows, nil
}

func (s *foresight) row(f *features.Frame, i int) row {
	r := row{
		time: f.Time, service: f.Service, endpoint: f.Endpoints[i].Name,
		share: observedShare(f, i), prediction: s.predictions[i],
		weight: s.decision.Weights[i], source: s.decision.Source.String(), reason: string(s.decision.Reason),
		failure: s.failures[i].Probability, confidence: s.failures[i].Confidence, predicted: math.NaN(),
		anomaly: f.Anomalies[i].Score,
	}
	if s.failures[i].Likely {
		r.predicted = unix(f.Time) + s.failures[i].Time[1]
	}
	if top := f.Anomalies[i].Top; len(top) > 0 {
		r.top = top[0].Series
	}
	return r
}

// observedShare is the part of the service's requests that the endpoint had
// in the window; NaN where nobody counted.
func observedShare(f *features.Frame, i int) float64 {
	total := 0.0
	for _, n := range f.Requests {
		if !math.IsNaN(n) {
			total += n
		}
	}
	if total == 0 {
		return math.NaN()
	}
	return f.Requests[i] / total
}

func unknown(dst []predict.Prediction, n int) []predict.Prediction {
	nan := math.NaN()
	dst = dst[:0]
	for range n {
		dst = append(dst, predict.Prediction{Mean: nan, P50: nan, P90: nan, P99: nan, ErrorRatio: nan, Preference: nan})
	}
	return dst
}

func unforeseen(dst []predict.Failure, n int) []predict.Failure {
	dst = dst[:0]
	for range n {
		dst = append(dst, predict.Failure{Probability: math.NaN(), Confidence: math.NaN()})
	}
	return dst
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// values are the columns' values in order: strings, or numbers.
func (r *row) values() []any {
	p := &r.prediction
	return []any{unix(r.time), r.service, r.endpoint, r.share, p.Mean, p.P50, p.P90, p.P99, p.ErrorRatio, r.weight, r.source, r.reason,
		r.failure, r.confidence, r.predicted, r.anomaly, r.top}
}

// rowWriter returns what writes a row in the format, and what ends the file.
func rowWriter(w io.Writer, format string) (write func(*row) error, flush func() error) {
	buffered := bufio.NewWriter(w)
	if format == "jsonl" {
		return func(r *row) error { return writeJSON(buffered, r) }, buffered.Flush
	}
	table := csv.NewWriter(buffered)
	record := make([]string, len(predictColumns))
	headed := false
	write = func(r *row) error {
		if !headed {
			headed = true
			if err := table.Write(predictColumns); err != nil {
				return err
			}
		}
		for i, v := range r.values() {
			record[i] = csvText(predictColumns[i], v)
		}
		return table.Write(record)
	}
	return write, func() error {
		if !headed {
			if err := table.Write(predictColumns); err != nil {
				return err
			}
		}
		table.Flush()
		return table.Error()
	}
}

func csvText(column string, v any) string {
	x, number := v.(float64)
	switch {
	case !number:
		return v.(string)
	case math.IsNaN(x):
		return ""
	case column == "time" || column == "predicted_time":
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// writeJSON writes one object with its keys in the order of the columns.
func writeJSON(w *bufio.Writer, r *row) error {
	for i, v := range r.values() {
		before := ","
		if i == 0 {
			before = "{"
		}
		if x, number := v.(float64); number && math.IsNaN(x) {
			v = nil
		}
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%q:%s", before, predictColumns[i], value); err != nil {
			return err
		}
	}
	_, err := w.WriteString("}\n")
	return err
}
