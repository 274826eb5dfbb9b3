package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/predict"
)

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
