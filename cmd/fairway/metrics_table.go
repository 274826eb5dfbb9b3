package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// metricsTable reads a CSV of a timestamp and metrics, row by row.
type metricsTable struct {
	path    string
	file    *os.File
	reader  *csv.Reader
	clock   string   // name of the first column
	names   []string // of the metrics
	columns []int
	values  []float64
	line    int // that was read last
}

func openMetrics(path string) (*metricsTable, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &metricsTable{path: path, file: file}
	if err := t.readHead(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return t, nil
}

func (t *metricsTable) readHead() error {
	text := bufio.NewReader(t.file)
	if begin, _ := text.Peek(2); string(begin) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(text)
		if err != nil {
			return fmt.Errorf("%s: begins like gzip but is not: %w", t.path, err)
		}
		text = bufio.NewReader(unpacked)
	}
	if begin, _ := text.Peek(3); string(begin) == "\ufeff" { // as spreadsheets write it
		if _, err := text.Discard(3); err != nil {
			return t.refuse(err)
		}
	}
	t.reader = csv.NewReader(text)
	head, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty; want a head line with the names of the timestamp and the metrics", t.path)
	}
	if err != nil {
		return t.refuse(err)
	}
	t.clock = head[0]
	numbers := 0
	for i, name := range head[1:] {
		if _, err := strconv.ParseFloat(name, 64); err == nil {
			numbers++
		}
		if name != "label" {
			t.names, t.columns = append(t.names, name), append(t.columns, i+1)
		}
	}
	switch {
	case len(t.names) == 0:
		return fmt.Errorf("%s:1: no metric beside the timestamp %.40q; want columns that commas separate", t.path, t.clock)
	case numbers == len(head)-1:
		return fmt.Errorf("%s:1: all names of metrics are numbers: is the head line missing? Put one before the first row", t.path)
	}
	t.values = make([]float64, len(t.names))
	return nil
}

// refuse says where the file cannot be read any further.
func (t *metricsTable) refuse(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s:%d: %w", t.path, bad.Line, bad.Err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s:%d: the file breaks off: it was cut; copy it again", t.path, t.line+1)
	}
	return fmt.Errorf("%s: %w", t.path, err)
}

// next returns the timestamp as it is written and the values, valid until the
// next call. An empty field is a missing value, and so is what tables write for one.
func (t *metricsTable) next() (string, []float64, error) {
	record, err := t.reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return "", nil, io.EOF
		}
		return "", nil, t.refuse(err)
	}
	t.line, _ = t.reader.FieldPos(0)
	for i, column := range t.columns {
		t.values[i] = math.NaN()
		if text := strings.TrimSpace(record[column]); !missing(text) {
			if t.values[i], err = strconv.ParseFloat(text, 64); err != nil {
				return "", nil, fmt.Errorf("%s:%d: %s is %q; want a number, or nothing where there is none", t.path, t.line, t.names[i], text)
			}
		}
	}
	return record[0], t.values, nil
}

// missing reports whether a field stands for no value.
func missing(text string) bool {
	switch strings.ToLower(text) {
	case "", "na", "n/a", "null", "none", "-":
		return true
	}
	return false
}
