package datasets

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Import reads CSV files (plain or gzipped) and writes their counters as
// OpenMetrics. It holds the counters in memory, and nothing is written when a
// file cannot be read to its end.
func (c *Columns) Import(ctx context.Context, out io.Writer, paths ...string) error {
	counts := &counts{series: map[string][]map[int64]float64{}}
	for _, path := range paths {
		if err := c.read(ctx, path, counts); err != nil {
			return err
		}
	}
	if len(counts.series) == 0 {
		return fmt.Errorf("%s: no row was found: there is nothing to import", strings.Join(paths, ", "))
	}
	if n := (counts.last - counts.first + 2) * int64(len(counts.series)*len(c.Counters)); n > mostSamples {
		return fmt.Errorf("%s: %d series from %s to %s, every %v, would be %d samples: is the time of one row wrong? Else take a longer time between samples",
			strings.Join(paths, ", "), len(counts.series), c.at(counts.first), c.at(counts.last), c.every, n)
	}
	return c.write(ctx, out, counts)
}

// mostSamples bounds what an import writes.
const mostSamples = 100_000_000

// counts are what came to each series in each span; span n ends n×every after
// the epoch.
type counts struct {
	series      map[string][]map[int64]float64 // by labels; one map for each counter
	first, last int64
}

func (c *counts) add(labels string, counters, counter int, span int64, n float64) {
	s := c.series[labels]
	if s == nil {
		s = make([]map[int64]float64, counters)
		for i := range s {
			s[i] = map[int64]float64{}
		}
		if len(c.series) == 0 {
			c.first, c.last = span, span
		}
		c.series[labels] = s
	}
	c.first, c.last = min(c.first, span), max(c.last, span)
	s[counter][span] += n
}

func (c *Columns) at(span int64) string {
	return time.UnixMilli(span * c.every.Milliseconds()).UTC().Format(time.RFC3339)
}

func (c *Columns) read(ctx context.Context, path string, into *counts) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewReader(file)
	var text io.Reader = buffered
	if head, _ := buffered.Peek(2); string(head) == "\x1f\x8b" {
		if text, err = gzip.NewReader(buffered); err != nil {
			return fmt.Errorf("%s: begins like gzip but is not: %w", path, err)
		}
	}
	return c.readRows(ctx, path, text, into)
}

func (c *Columns) readRows(ctx context.Context, path string, text io.Reader, into *counts) error {
	constant, err := c.ofFile(path)
	if err != nil {
		return err
	}
	table, err := openTable(path, text, c.required(), nil)
	if err != nil {
		return err
	}
	spans := c.spans(table)
	if c.Columns != "" && len(spans) == 0 {
		return fmt.Errorf("%s:1: no column is called like %s", path, c.Columns)
	}
	for {
		row, err := table.next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		labels := c.labels(&row, constant)
		if c.Columns == "" {
			err = c.event(&row, labels, into)
		} else {
			err = c.series(&row, labels, spans, into)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, row.line, err)
		}
	}
}

// ofFile are the labels that the file's name tells.
func (c *Columns) ofFile(path string) (map[string]string, error) {
	labels := map[string]string{}
	for label, pattern := range c.file {
		m := pattern.FindStringSubmatch(filepath.Base(path))
		if m == nil {
			return nil, fmt.Errorf("%s: the name is not like %s, which would tell the label %s", path, pattern, label)
		}
		labels[label] = m[1]
	}
	return labels, nil
}

func (c *Columns) required() []string {
	var names []string
	if c.Time != "" {
		names = append(names, c.Time)
	}
	for _, counter := range c.Counters {
		if counter.Column != "" {
			names = append(names, counter.Column)
		}
	}
	return append(names, slices.Sorted(maps.Values(c.Labels))...)
}

// labels writes a row's labels as they stand in the output.
func (c *Columns) labels(row *tableRow, constant map[string]string) string {
	var parts []string
	for label, value := range constant {
		parts = append(parts, label+"="+quoted(value))
	}
	for label, column := range c.Labels {
		parts = append(parts, label+"="+quoted(row.text(column)))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(value, "\uFFFD")) + `"`
}

// event counts a row at its time.
func (c *Columns) event(row *tableRow, labels string, into *counts) error {
	at, err := instant(row.text(c.Time))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Time, err)
	}
	every := c.every.Milliseconds()
	span := (at.UnixMilli() + every - 1) / every
	for i, counter := range c.Counters {
		n := 1.0
		if counter.Column != "" {
			if n, err = amount(row.text(counter.Column)); err != nil {
				return fmt.Errorf("%s: %w", counter.Column, err)
			}
		}
		into.add(labels, len(c.Counters), i, span, n)
	}
	return nil
}

// column is one of those that follow one another in time.
type column struct {
	index int
	span  int64
}

func (c *Columns) spans(t *table) []column {
	var all []column
	if c.Columns == "" {
		return nil
	}
	for name, index := range t.columns {
		if c.columns.MatchString(name) {
			all = append(all, column{index: index})
		}
	}
	slices.SortFunc(all, func(a, b column) int { return a.index - b.index })
	first := c.Start.UnixMilli() / c.every.Milliseconds()
	for i := range all {
		all[i].span = first + int64(i) + 1
	}
	return all
}

// series counts the columns of a row, each at the end of its time.
func (c *Columns) series(row *tableRow, labels string, spans []column, into *counts) error {
	for _, s := range spans {
		n, err := amount(row.record[s.index])
		if err != nil {
			return err
		}
		into.add(labels, 1, 0, s.span, n)
	}
	return nil
}

// amount reads what is added to a counter.
func amount(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= 0 && n < 1e15) {
		return 0, fmt.Errorf("%q cannot be added to a counter; want a number that is not negative", text)
	}
	return n, nil
}

// instant reads Unix seconds or a date and time, in UTC unless it says else.
func instant(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 && s < 1e10 {
		return time.UnixMilli(int64(s * 1000)), nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil && at.Unix() >= 0 {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; want Unix seconds, or 2006-01-02 15:04:05", text)
}

// write writes every series over the whole time, so that one which is idle at
// first, or at last, is seen to be idle.
func (c *Columns) write(ctx context.Context, out io.Writer, counts *counts) error {
	w := bufio.NewWriterSize(out, 1<<16)
	every := c.every.Seconds()
	for i, counter := range c.Counters {
		family := strings.TrimSuffix(counter.Name, "_total")
		fmt.Fprintf(w, "# TYPE %s counter\n", family)
		if counter.Help != "" {
			fmt.Fprintf(w, "# HELP %s %s\n", family, strings.ReplaceAll(counter.Help, "\n", " "))
		}
		for _, labels := range slices.Sorted(maps.Keys(counts.series)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			total := 0.0
			for span := counts.first - 1; span <= counts.last; span++ {
				total += counts.series[labels][i][span]
				fmt.Fprintf(w, "%s_total%s %s %s\n", family, labels,
					strconv.FormatFloat(total, 'g', -1, 64), strconv.FormatFloat(float64(span)*every, 'f', -1, 64))
			}
		}
	}
	w.WriteString("# EOF\n")
	return w.Flush()
}
