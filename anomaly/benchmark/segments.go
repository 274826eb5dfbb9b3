package benchmark

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// segment is a run of rows that a person has labelled, and the metrics to blame.
type segment struct {
	first, last int // rows, from 0
	blamed      map[int]bool
}

// readSegments reads lines like "4629-4688:9,10,11", metrics counted from 1. A
// set without them has none.
func readSegments(path string) ([]segment, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var segments []segment
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		s, err := parseSegment(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		segments = append(segments, s)
	}
	return segments, nil
}

func parseSegment(line string) (segment, error) {
	s := segment{blamed: map[int]bool{}}
	rows, metrics, ok := strings.Cut(line, ":")
	first, last, ok2 := strings.Cut(rows, "-")
	if !ok || !ok2 {
		return s, fmt.Errorf("%q; want FIRST-LAST:METRIC,…", line)
	}
	var err, err2 error
	s.first, err = strconv.Atoi(first)
	s.last, err2 = strconv.Atoi(last)
	if err := errors.Join(err, err2); err != nil || s.first < 0 || s.last < s.first {
		return s, fmt.Errorf("rows %q: %v", rows, err)
	}
	for metric := range strings.SplitSeq(metrics, ",") {
		m, err := strconv.Atoi(metric)
		if err != nil || m < 1 {
			return s, fmt.Errorf("metric %q: want a number from 1", metric)
		}
		s.blamed[m-1] = true
	}
	return s, nil
}

// explain compares the metric named in the row of each segment's highest score
// with those to blame.
func (m *Machine) explain(segments []segment, scores []float64, tops []int, metrics int) {
	for _, s := range segments {
		if s.first >= len(scores) {
			continue
		}
		best := s.first
		for row := s.first; row <= min(s.last, len(scores)-1); row++ {
			if scores[row] > scores[best] {
				best = row
			}
		}
		m.Explained.Of++
		m.Chance += float64(len(s.blamed)) / float64(metrics)
		if s.blamed[tops[best]] {
			m.Explained.Hits++
		}
	}
}
