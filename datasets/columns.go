package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Columns says how a CSV that holds no metrics becomes some: the part `table:`
// of a schema file, whose queries then ask for them. Each row is an event,
//
//	table:
//	  time: TIMESTAMP                       # column; Unix seconds, or a date and time, in UTC
//	  every: 15s                            # between the samples of the counters
//	  labels: {model: MODEL}                # label: column
//	  file: {service: 'Trace_(\w+)\.csv'}   # label: what the name of the file tells
//	  counters:
//	    - {name: arrivals_total}                                # counts rows
//	    - {name: context_tokens_total, column: ContextTokens}   # sums a column
//
// or each row is a series, and its columns follow one another in time:
//
//	table:
//	  columns: minute_\d+                   # in the order of the file
//	  start: 2019-07-15T00:00:00Z           # when the first one begins
//	  every: 1m                             # how long each one lasts
//	  counters: [{name: invocations_total}]
type Columns struct {
	Time     string            `yaml:"time"`
	Columns  string            `yaml:"columns"`
	Start    time.Time         `yaml:"start"`
	Every    string            `yaml:"every"`
	Labels   map[string]string `yaml:"labels"`
	File     map[string]string `yaml:"file"`
	Counters []struct {
		Name   string `yaml:"name"`
		Help   string `yaml:"help"`
		Column string `yaml:"column"`
	} `yaml:"counters"`

	every   time.Duration
	columns *regexp.Regexp
	file    map[string]*regexp.Regexp
}

// ReadColumns reads the part `table:` of a schema file. Errors name the file
// and the line.
func ReadColumns(path string) (*Columns, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseColumns(path, text)
}

func parseColumns(path string, text []byte) (*Columns, error) {
	var file struct {
		Table yaml.Node `yaml:"table"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if file.Table.Kind == 0 {
		return nil, fmt.Errorf("%s: the schema has no part `table`, which says what the columns of a CSV are", path)
	}
	c, err := decodeColumns(&file.Table)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: table: %w", path, file.Table.Line, err)
	}
	return c, nil
}

// decodeColumns refuses fields that a table does not have.
func decodeColumns(node *yaml.Node) (*Columns, error) {
	text, err := yaml.Marshal(node)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var c Columns
	if err := decoder.Decode(&c); err != nil {
		message := fieldOf.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "is none of a table's")
		return nil, errors.New(strings.Join(strings.Fields(strings.TrimPrefix(message, "unmarshal errors:")), " "))
	}
	return &c, nil
}

// fieldOf is how yaml says that a field is unknown, with the Go type.
var fieldOf = regexp.MustCompile(`not found in type \S+( \{.*\})?`)

// check refuses what cannot be read, and makes the rest ready.
func (c *Columns) check() (err error) {
	switch {
	case (c.Time == "") == (c.Columns == ""):
		return errors.New("want time, the column of a row's time, or columns, a pattern of those that follow one another in time")
	case c.Columns != "" && (c.Start.IsZero() || len(c.Counters) > 1):
		return errors.New("columns want start, when the first of them begins, and one counter")
	case len(c.Counters) == 0:
		return errors.New("there are no counters")
	}
	every, err := model.ParseDuration(c.Every)
	if c.every = time.Duration(every); err != nil || c.every <= 0 {
		return fmt.Errorf("every is %q; want a time such as 15s", c.Every)
	}
	if c.Start.UnixMilli()%c.every.Milliseconds() != 0 || c.every%time.Millisecond != 0 {
		return fmt.Errorf("start is %s; want a multiple of every, %s", c.Start.Format(time.RFC3339), c.Every)
	}
	for _, counter := range c.Counters {
		if !model.LegacyValidation.IsValidMetricName(counter.Name) {
			return fmt.Errorf("the counter's name %q is no name of a metric", counter.Name)
		}
	}
	if c.columns, err = wholly(c.Columns); err != nil {
		return fmt.Errorf("columns: %w", err)
	}
	c.file = map[string]*regexp.Regexp{}
	for label, pattern := range c.File {
		if c.file[label], err = regexp.Compile(pattern); err != nil {
			return fmt.Errorf("file: %s: %w", label, err)
		}
		if c.file[label].NumSubexp() != 1 {
			return fmt.Errorf("file: %s: the pattern wants one pair of parentheses around what the label is", label)
		}
	}
	for _, labels := range []map[string]string{c.Labels, c.File} {
		for label := range labels {
			if !model.LegacyValidation.IsValidLabelName(label) {
				return fmt.Errorf("%q is no name of a label", label)
			}
		}
	}
	return nil
}

func wholly(pattern string) (*regexp.Regexp, error) { return regexp.Compile("^(?:" + pattern + ")$") }
