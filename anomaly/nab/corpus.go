package nab

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Series is one file of the benchmark.
type Series struct {
	Name    string
	Times   []float64 // Unix seconds of each row; in order but for the file's own slips
	Values  []float64
	Windows []Window // labelled, in order
}

// Window is a stretch of rows in which something happened, both ends inside.
type Window struct{ First, Last int }

// width is how many rows a window has.
func (w Window) width() int { return w.Last - w.First + 1 }

// Days is how long the series lasts, from its first to its last row.
func (s *Series) Days() float64 {
	if len(s.Times) == 0 {
		return 0
	}
	return (s.Times[len(s.Times)-1] - s.Times[0]) / (24 * 60 * 60)
}

// Load reads a copy of the benchmark: labels/combined_windows.json and the files
// that it names under data, plain or with gzip (.gz after their name). Series
// come in the order of their names.
func Load(dir string) ([]Series, error) {
	path := filepath.Join(dir, "labels", "combined_windows.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("nab: %w", err)
	}
	var labels map[string][][]string
	if err := json.Unmarshal(text, &labels); err != nil {
		return nil, fmt.Errorf("nab: %s: %w", path, err)
	}
	var corpus []Series
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		s, err := load(filepath.Join(dir, "data", filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("nab: %w", err)
		}
		s.Name = name
		if s.Windows, err = s.find(labels[name]); err != nil {
			return nil, fmt.Errorf("nab: %s: windows of %s: %w", path, name, err)
		}
		corpus = append(corpus, s)
	}
	return corpus, nil
}

func load(path string) (Series, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		path += ".gz"
		file, err = os.Open(path)
	}
	if err != nil {
		return Series{}, err
	}
	defer file.Close()
	var text io.Reader = file
	if filepath.Ext(path) == ".gz" {
		if text, err = gzip.NewReader(file); err != nil {
			return Series{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	s, err := read(text)
	if err != nil {
		return Series{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// read takes the rows of one file: timestamp, value, after a head line.
func read(text io.Reader) (Series, error) {
	rows := csv.NewReader(text)
	rows.FieldsPerRecord, rows.ReuseRecord = 2, true
	var s Series
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return Series{}, err
		}
		line, _ := rows.FieldPos(0)
		if line == 1 {
			continue
		}
		at, err := stamp(row[0])
		if err != nil {
			return Series{}, fmt.Errorf("line %d: %w", line, err)
		}
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return Series{}, fmt.Errorf("line %d: value %q is no number", line, row[1])
		}
		s.Times, s.Values = append(s.Times, at), append(s.Values, v)
	}
}

// stamp reads the benchmark's timestamps, which carry no zone.
func stamp(text string) (float64, error) {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		return 0, fmt.Errorf("timestamp %q; want the form 2006-01-02 15:04:05", text)
	}
	return float64(t.UnixNano()) / 1e9, nil
}

// find turns pairs of timestamps into rows.
func (s *Series) find(labels [][]string) ([]Window, error) {
	var windows []Window
	for _, label := range labels {
		if len(label) != 2 {
			return nil, fmt.Errorf("%q; want its first and its last timestamp", label)
		}
		from, err := stamp(label[0])
		if err != nil {
			return nil, err
		}
		to, err := stamp(label[1])
		if err != nil {
			return nil, err
		}
		w := Window{-1, -1}
		for i, at := range s.Times {
			if at >= from && at <= to {
				if w.First < 0 {
					w.First = i
				}
				w.Last = i
			}
		}
		if w.First < 0 {
			return nil, fmt.Errorf("no row from %s to %s", label[0], label[1])
		}
		if n := len(windows); n > 0 && w.First <= windows[n-1].Last {
			return nil, fmt.Errorf("the one from %s begins before the last one ends", label[0])
		}
		windows = append(windows, w)
	}
	return windows, nil
}
