package datasets

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Request is one line of a request log.
type Request struct {
	Time                                   time.Time // when it was due to be sent
	Service, Class, Method, Path, Endpoint string
	// Propensity is the exact probability with which the endpoint was drawn;
	// NaN when it is not known.
	Propensity float64
	Latency    time.Duration
	Status     int           // HTTP status; 0: no answer before the deadline
	Deadline   time.Duration // 0 when none was set
}

// Failed reports whether the request got no good answer in time.
func (r *Request) Failed() bool { return r.Status == 0 || r.Status >= 500 }

var (
	requestColumns         = []string{"time", "service", "endpoint", "latency_seconds", "status"}
	optionalRequestColumns = []string{"class", "method", "path", "propensity", "deadline_seconds"}
)

// HasRequests reports whether the recording keeps a request log, or was given
// one.
func (r *Recording) HasRequests() bool { return r.requests != "" || r.Log != nil }

// Requests streams the request log in the order of the file. The first line
// that cannot be read ends the stream with an error that names it. Log, if any,
// takes its place.
func (r *Recording) Requests() iter.Seq2[Request, error] {
	if r.Log != nil {
		return r.Log
	}
	return func(yield func(Request, error) bool) {
		if r.requests == "" {
			yield(Request{}, fmt.Errorf("%s: the recording has no request log (requests.csv.gz)", r.Path))
			return
		}
		file, err := os.Open(r.requests)
		if err != nil {
			yield(Request{}, err)
			return
		}
		defer file.Close()
		var text io.Reader = file
		if strings.HasSuffix(r.requests, ".gz") {
			if text, err = gzip.NewReader(file); err != nil {
				yield(Request{}, fmt.Errorf("%s: is not gzip (%w); make it anew, or take it away to do without", r.requests, err))
				return
			}
		}
		readRequests(r.requests, text, yield)
	}
}

func readRequests(path string, text io.Reader, yield func(Request, error) bool) {
	table, err := openTable(path, text, requestColumns, optionalRequestColumns)
	if err != nil {
		yield(Request{}, err)
		return
	}
	for {
		row, err := table.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Request{}, err)
			return
		}
		request, err := row.request()
		if err != nil {
			err = fmt.Errorf("%s:%d: %w", path, row.line, err)
		}
		if !yield(request, err) || err != nil {
			return
		}
	}
}

// RequestRow reads the lines of a request log whose head it knows. It is not
// safe for concurrent use.
type RequestRow struct {
	table table
	width int // values in a line
}

// NewRequestRow fails unless the head has every column that a request needs.
func NewRequestRow(head []string) (*RequestRow, error) {
	r := &RequestRow{table{columns: map[string]int{}}, len(head)}
	return r, r.table.know(head, requestColumns, optionalRequestColumns)
}

// Read reads the values of one line, in the order of the head.
func (r *RequestRow) Read(record []string) (Request, error) {
	if len(record) != r.width {
		return Request{}, fmt.Errorf("the line has %d values; want %d, as the head has", len(record), r.width)
	}
	row := tableRow{table: &r.table, record: record}
	return row.request()
}

func (r *tableRow) request() (Request, error) {
	q := Request{
		Time: r.time("time"), Service: r.text("service"), Class: r.text("class"), Method: r.text("method"),
		Path: r.text("path"), Endpoint: r.text("endpoint"), Propensity: r.number("propensity"),
	}
	q.Latency, q.Deadline = r.duration("latency_seconds"), r.duration("deadline_seconds")
	var err error
	if q.Status, err = strconv.Atoi(r.text("status")); err != nil && r.err == nil {
		r.err = fmt.Errorf("status is %q; want an HTTP status, or 0 for no answer", r.text("status"))
	}
	if math.IsNaN(r.number("latency_seconds")) && !q.Failed() && r.err == nil {
		r.err = errors.New("latency_seconds is missing; only a request that failed may do without")
	}
	if (q.Propensity <= 0 || q.Propensity > 1) && r.err == nil {
		r.err = fmt.Errorf("propensity is %v; want a probability above 0, or nothing", q.Propensity)
	}
	return q, r.err
}

// duration reads seconds; nothing written is 0.
func (r *tableRow) duration(column string) time.Duration {
	x := r.number(column)
	if math.IsNaN(x) {
		return 0
	}
	if (x < 0 || x > latestUnix) && r.err == nil {
		r.err = fmt.Errorf("%s is %v; want seconds ≥ 0", column, x)
	}
	return time.Duration(x * float64(time.Second))
}
