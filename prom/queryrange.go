package prom

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// answer is what Prometheus' HTTP API replies to query_range, and to query
// with a range selector.
type answer struct {
	Status   string   `json:"status"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Partial  bool     `json:"isPartial"` // VictoriaMetrics' word
	Data     struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

// readAnswers reads one or more answers that follow one another in r.
func readAnswers(ctx context.Context, name string, r io.Reader, into *memory) error {
	all, err := io.ReadAll(r)
	refuse := func(offset int64, format string, args ...any) error {
		line := 1 + bytes.Count(all[:min(int(offset), len(all))], []byte{'\n'})
		return fmt.Errorf("%s:%d: %s", name, line, fmt.Sprintf(format, args...))
	}
	if err != nil {
		return refuse(int64(len(all)), "the file breaks off (%v) after %d bytes; make it again", err, len(all))
	}
	decoder := json.NewDecoder(bytes.NewReader(all))
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		start := decoder.InputOffset()
		var a answer
		switch err := decoder.Decode(&a); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return refuse(int64(len(all)), "the JSON is cut; %s; make the dump again", into.progress())
		case err != nil:
			offset := start
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				offset = syntax.Offset
			}
			return refuse(offset, "not the JSON of query_range: %v; %s", err, into.progress())
		}
		if err := a.addTo(into); err != nil {
			return refuse(start, "%v", err)
		}
	}
}

func (a *answer) addTo(into *memory) error {
	if a.Status != "success" {
		return fmt.Errorf("the answer's status is %q, not \"success\": %s", a.Status, cmp.Or(short(a.Error), "is this an answer of query_range?"))
	}
	if a.Data.Type != "matrix" {
		return fmt.Errorf("the answer is a %q, which is one instant; want a \"matrix\": ask query_range", a.Data.Type)
	}
	if a.Partial {
		into.remark("the answer is partial (isPartial): a part of the server's stores was not reached")
	}
	for _, w := range a.Warnings {
		into.remark("the server warned: " + short(w))
	}
	var rows []answerRow
	if err := json.Unmarshal(a.Data.Result, &rows); err != nil {
		return fmt.Errorf("the result is no matrix: %w", err)
	}
	for i, row := range rows {
		if row.Metric[model.MetricNameLabel] == "" {
			return fmt.Errorf("result %d, %s, has no metric name: ask for plain series, not for the result of a function; the schema's queries compute", i+1, row.Metric)
		}
		s := into.open(plain(row.Metric))
		for _, p := range row.Values {
			if err := into.add(s, int64(p.Timestamp), float64(p.Value)); err != nil {
				return err
			}
		}
		for _, p := range row.Histograms {
			h, err := native(p.Histogram)
			if err != nil {
				return fmt.Errorf("%s at %s: %w", s.labels, clock(int64(p.Timestamp)), err)
			}
			if err := into.addHistogram(s, int64(p.Timestamp), h); err != nil {
				return err
			}
		}
	}
	return nil
}

// answerRow is a model.SampleStream whose numbers are read without reflection,
// which takes most of the time otherwise.
type answerRow struct {
	Metric     model.Metric                `json:"metric"`
	Values     []answerPair                `json:"values"`
	Histograms []model.SampleHistogramPair `json:"histograms"`
}

type answerPair model.SamplePair

// UnmarshalJSON reads [seconds, "value"].
func (p *answerPair) UnmarshalJSON(pair []byte) error {
	at, v, ok := bytes.Cut(bytes.Trim(pair, "[]"), []byte(","))
	if !ok {
		return fmt.Errorf("%s is no pair of a time and a value", short(string(pair)))
	}
	return errors.Join(p.Timestamp.UnmarshalJSON(bytes.TrimSpace(at)), p.Value.UnmarshalJSON(bytes.TrimSpace(v)))
}

func plain(m model.Metric) labels.Labels {
	b := labels.NewScratchBuilder(len(m))
	for name, v := range m {
		b.Add(string(name), string(v))
	}
	b.Sort()
	return b.Labels()
}
