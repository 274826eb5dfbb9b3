package datasets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is a disturbance that was injected on purpose while recording.
type Fault struct {
	Service, Endpoint, Kind string
	Start, End              time.Time
	Severity                float64 // NaN when it was not noted; its meaning depends on the kind
	// Fails is when the endpoint begins to fail: Start where nothing announces
	// it, later at the end of a ramp. Zero: it does not, or it was not noted.
	Fails time.Time
}

// At reports whether the fault is under way.
func (f *Fault) At(t time.Time) bool { return !t.Before(f.Start) && t.Before(f.End) }

// DecoySuffix ends the kind of a fault that looks like the beginning of a
// failure, and recovers by itself.
const DecoySuffix = "_decoy"

// The classes of faults, as who judges forecasts tells them apart.
const (
	Ramp      = "ramp"      // announces the failure that it ends in
	Recovered = "recovered" // looks like a ramp, and recovers by itself
	Sudden    = "sudden"    // fails at once: nobody could know
	Benign    = "benign"    // was meant, such as a restart, or breaks nothing
)

// Class says which of these it is. Simulated meshes note when a fault makes its
// endpoint fail; the lab does not, and its kinds tell.
func (f *Fault) Class() string {
	switch {
	case f.Kind == "decoy" || strings.HasSuffix(f.Kind, DecoySuffix):
		return Recovered
	case f.Fails.After(f.Start):
		return Ramp
	case !f.Fails.IsZero():
		return Sudden
	}
	switch f.Kind {
	case "slowdown", "leak", "saturation", "memory_ramp", "latency_ramp", "error_ramp": // the lab's; simulated: the recording ended before
		return Ramp
	case "restart", "slow", "fixed", "stall", "errors", "sink_hole": // simulated: a failure would be noted
		return Benign
	}
	return Sudden
}

var faultColumns = []string{"service", "endpoint", "kind", "start", "end", "severity"}

// readFaults reads faults.csv, in order of their start.
func readFaults(path string) ([]Fault, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table, err := openTable(path, file, faultColumns, []string{"fails"})
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for {
		row, err := table.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		f := Fault{Service: row.text("service"), Endpoint: row.text("endpoint"), Kind: row.text("kind")}
		f.Start, f.End, f.Severity = row.time("start"), row.time("end"), row.number("severity")
		if row.text("fails") != "" {
			f.Fails = row.time("fails")
		}
		if row.err == nil && f.End.Before(f.Start) {
			row.err = fmt.Errorf("the fault ends before it starts")
		}
		if row.err == nil && !f.Fails.IsZero() && (f.Fails.Before(f.Start) || f.Fails.After(f.End)) {
			row.err = fmt.Errorf("the endpoint fails at a time that is not the fault's; leave fails empty where it does not fail")
		}
		if row.err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, row.line, row.err)
		}
		faults = append(faults, f)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Start.Compare(b.Start) })
	return faults, nil
}

// table reads a CSV file by the names in its head line, in any order.
type table struct {
	path    string
	reader  *csv.Reader
	columns map[string]int
	line    int // that was read last
}

// openTable fails unless every required column is there.
func openTable(path string, r io.Reader, required, optional []string) (*table, error) {
	t := &table{path: path, reader: csv.NewReader(r), columns: map[string]int{}}
	t.reader.ReuseRecord = true
	head, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty; want a head line with the columns %q", path, required)
	}
	if err != nil {
		return nil, t.refuse(err)
	}
	if err := t.know(head, required, optional); err != nil {
		return nil, fmt.Errorf("%s:1: %w", path, err)
	}
	return t, nil
}

// know notes where the columns are.
func (t *table) know(head, required, optional []string) error {
	for i, name := range head {
		t.columns[name] = i
	}
	for _, name := range required {
		if _, ok := t.columns[name]; !ok {
			return fmt.Errorf("column %q is missing; want %q", name, append(slices.Clone(required), optional...))
		}
	}
	return nil
}

// next returns the next line, valid until the one after.
func (t *table) next() (tableRow, error) {
	record, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return tableRow{}, io.EOF
	}
	if err != nil {
		return tableRow{}, t.refuse(err)
	}
	t.line, _ = t.reader.FieldPos(0)
	return tableRow{table: t, record: record, line: t.line}, nil
}

// refuse says where the file cannot be read any further.
func (t *table) refuse(err error) error {
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%s:%d: %w", t.path, bad.Line, bad.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s:%d: the file breaks off: it was cut; copy it again, or take it away to do without", t.path, t.line+1)
	}
	return fmt.Errorf("%s:%d: %w", t.path, t.line+1, err)
}

// tableRow collects the first error of its fields.
type tableRow struct {
	table  *table
	record []string
	line   int
	err    error
}

func (r *tableRow) text(column string) string {
	i, ok := r.table.columns[column]
	if !ok {
		return ""
	}
	return r.record[i]
}

// number is NaN where nothing is written.
func (r *tableRow) number(column string) float64 {
	text := r.text(column)
	if text == "" {
		return math.NaN()
	}
	x, err := strconv.ParseFloat(text, 64)
	if (err != nil || math.IsInf(x, 0)) && r.err == nil {
		r.err = fmt.Errorf("%s is %q; want a number", column, text)
	}
	return x
}

// latestUnix bounds times to what time.Time can say in nanoseconds.
const latestUnix = 9e9

// time reads unix seconds with a fraction.
func (r *tableRow) time(column string) time.Time {
	x := r.number(column)
	if !(x >= 0 && x < latestUnix) {
		if r.err == nil {
			r.err = fmt.Errorf("%s is %q; want unix seconds", column, r.text(column))
		}
		return time.Time{}
	}
	seconds, fraction := math.Modf(x)
	return time.Unix(int64(seconds), int64(math.Round(fraction*1e6))*1000).UTC()
}
