package prom

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/prometheus/common/model"
)

// exportLine is a line of VictoriaMetrics' /api/v1/export: (a part of) a
// series, its timestamps in Unix milliseconds.
//
// VictoriaMetrics' own parser (lib/protoparser/vmimport) was tried. It writes
// a bad line to standard error and goes on without it, where an incomplete
// dump has to be refused; it makes NaN of the null that stands for a stale
// marker; and it brings command-line flags of its own into the program. What
// is JSON here is read by encoding/json.
type exportLine struct {
	Metric     model.Metric    `json:"metric"`
	Values     json.RawMessage `json:"values"`
	Timestamps json.RawMessage `json:"timestamps"`
}

// readExport reads all lines of r. Parts of a series may come in any order.
func readExport(ctx context.Context, name string, r *bufio.Reader, into *memory) error {
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		line, end := r.ReadBytes('\n')
		if end != nil && end != io.EOF {
			return fmt.Errorf("%s:%d: the file breaks off (%w); %s; export it again", name, n, end, into.progress())
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := into.addLine(line); err != nil {
				return fmt.Errorf("%s:%d: %w; %s", name, n, err, into.progress())
			}
		}
		if end == io.EOF {
			return nil
		}
	}
}

// addLine adds the samples of one line.
func (m *memory) addLine(text []byte) error {
	var line exportLine
	if err := json.Unmarshal(text, &line); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && int(syntax.Offset) >= len(text) {
			return errors.New("the line is cut; export it again")
		}
		return fmt.Errorf("not a line of VictoriaMetrics' export: %w", err)
	}
	if line.Metric[model.MetricNameLabel] == "" {
		return fmt.Errorf("the series %s has no metric name (__name__)", line.Metric)
	}
	if !isArray(line.Values) || !isArray(line.Timestamps) {
		return fmt.Errorf("the series %s has no list of values, or none of timestamps", line.Metric)
	}
	times, values := elements(line.Timestamps), elements(line.Values)
	s := m.open(plain(line.Metric))
	for {
		at, more := times()
		v, also := values()
		switch {
		case more != also:
			return fmt.Errorf("%s: values and timestamps are not equally many", s.labels)
		case !more:
			return nil
		}
		t, err := strconv.ParseInt(string(at), 10, 64)
		if err != nil {
			return fmt.Errorf("%s: the timestamp %q is no number of milliseconds", s.labels, short(string(at)))
		}
		// VictoriaMetrics keeps no NaN but stale markers, and writes them so.
		if string(v) == "null" {
			m.end(s, t)
			continue
		}
		value, err := exported(v)
		if err != nil {
			return fmt.Errorf("%s at %s: the value %q is no number", s.labels, clock(t), short(string(v)))
		}
		if err := m.add(s, t, value); err != nil {
			return err
		}
	}
}

// exported reads a value: a number, or a string for what JSON has no number.
func exported(v []byte) (float64, error) {
	switch string(v) {
	case `"NaN"`:
		return math.NaN(), nil
	case `"Infinity"`, `"+Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	}
	return strconv.ParseFloat(string(v), 64)
}

func isArray(j json.RawMessage) bool { return len(j) > 0 && j[0] == '[' }

// elements returns a function that gives one element of a JSON array after
// the other. The array is valid JSON; elements that are no plain numbers or
// words come out in some form that is none either.
func elements(array []byte) func() (element []byte, more bool) {
	rest := bytes.TrimSpace(array[1 : len(array)-1])
	done := len(rest) == 0
	return func() ([]byte, bool) {
		if done {
			return nil, false
		}
		var element []byte
		var more bool
		element, rest, more = bytes.Cut(rest, []byte(","))
		done = !more
		return bytes.TrimSpace(element), true
	}
}
