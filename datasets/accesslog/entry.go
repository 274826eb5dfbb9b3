package accesslog

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// entry is what one line says.
type entry struct {
	service  string             // what to call the service; empty: what the line says
	attempts []datasets.Request // in order; none: no endpoint was asked
	ended    time.Time          // when the line was due to be written
	unnamed  int                // attempts before, at endpoints that the line does not name
}

// parser reads the lines of one file, in order.
type parser interface {
	// parse adds to an empty entry. An error that is errAlien says that the line
	// is not of this format at all, errHead that it is no entry.
	parse(line string, e *entry) error
}

var (
	errAlien = errors.New("is not of this format")
	errHead  = errors.New("is a head line")
)

// Bounds of what a line is believed. A clock that was never set says 1970.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

const (
	longestRequest = 7 * 24 * time.Hour
	longestName    = 256 // bytes of a path or a name that are kept
)

// add checks an attempt and takes it.
func (e *entry) add(r datasets.Request) error {
	if e.service != "" {
		r.Service = e.service
	}
	switch {
	case r.Time.Before(earliest) || !r.Time.Before(latest):
		return fmt.Errorf("the time is %s; is a clock wrong?", r.Time.Format(time.RFC3339))
	case r.Latency < 0 || r.Latency > longestRequest:
		return fmt.Errorf("the duration is %v; want 0 s to %v", r.Latency, longestRequest)
	case r.Status != 0 && (r.Status < 100 || r.Status > 999):
		return fmt.Errorf("the status is %d; want an HTTP status", r.Status)
	case r.Service == "" && r.Endpoint != "":
		return errors.New("the line names no service; give one with --service")
	}
	if end := r.Time.Add(r.Latency); end.After(e.ended) {
		e.ended = end
	}
	if r.Endpoint != "" {
		e.attempts = append(e.attempts, r)
	}
	return nil
}

// requestLine takes method and path from the like of "GET /path?query HTTP/1.1".
func requestLine(text string) (method, path string) {
	method, rest, ok := strings.Cut(text, " ")
	if !ok {
		return "", ""
	}
	path, _, _ = strings.Cut(rest, " ")
	return method, path
}

// plainPath is a path without its query.
func plainPath(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// kept is text that outlives its line: short, and UTF-8.
func kept(text string) string {
	if len(text) > longestName {
		text = text[:longestName]
	}
	return strings.ToValidUTF8(strings.Clone(text), "\uFFFD")
}

// milliseconds are a duration; NaN and what time.Duration cannot hold are
// refused by entry.add, as a negative one.
func milliseconds(ms float64) time.Duration { return seconds(ms / 1000) }

func seconds(s float64) time.Duration {
	if !(math.Abs(s) < 1e9) {
		return -1
	}
	return time.Duration(math.Round(s * float64(time.Second)))
}
