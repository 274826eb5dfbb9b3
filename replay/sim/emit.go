package sim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// emission writes a run down as a recording. What it holds in memory does not
// grow with the run, but for the requests that are under way. The first error
// stays until finish returns it.
type emission struct {
	dir, partial string
	service      string
	endpoints    []mesh.Endpoint
	rings        []scrapes // of the two newest scrapes of each endpoint
	spool        *spool
	requests     *requestLog // nil: none is written
	err          error
}

// newEmission begins a recording that will be in dir, which must not exist
// yet, with a request log or without. No endpoint may be scraped more than most
// times.
func newEmission(dir, service string, endpoints []mesh.Endpoint, most int, deadline time.Duration, requests bool) (*emission, error) {
	if _, err := os.Stat(dir); err == nil {
		return nil, fmt.Errorf("%s exists already: name another directory for the recording", dir)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), ".partial-*")
	if err != nil {
		return nil, err
	}
	e := &emission{dir: dir, partial: partial, service: service, endpoints: endpoints, rings: make([]scrapes, len(endpoints))}
	for i := range e.rings {
		e.rings[i].kept = make([]scrape, 2)
	}
	if e.spool, err = newSpool(filepath.Join(partial, "spool"), len(endpoints), most); err == nil && requests {
		e.requests, err = newRequestLog(filepath.Join(partial, "requests.csv.gz"), service, endpoints, deadline)
	}
	if err != nil {
		return nil, errors.Join(err, e.discard())
	}
	return e, nil
}

// scraped keeps what a scrape of endpoint i found.
func (e *emission) scraped(t time.Duration, i int, c *Counters) {
	if s := e.rings[i].add(scrapedAt(t), c); e.err == nil {
		e.err = e.spool.add(i, s)
	}
}

// finish writes what is left to write and makes the recording appear, or
// leaves nothing.
func (e *emission) finish(m *datasets.Manifest, faults []datasets.Fault) error {
	err := e.err
	if e.requests != nil {
		err = errors.Join(err, e.requests.close())
	}
	if err == nil {
		err = e.write("metrics.om.gz", zipped(func(w *bufio.Writer) error { return writeMetrics(w, e.spool, e.service, e.endpoints) }))
	}
	if err == nil {
		err = e.write("faults.csv", func(w io.Writer) error { return writeFaults(w, faults) })
	}
	if err == nil {
		err = e.write("manifest.json", func(w io.Writer) error {
			j := json.NewEncoder(w)
			j.SetIndent("", "  ")
			return j.Encode(m)
		})
	}
	if err = errors.Join(err, e.spool.close()); err == nil {
		err = os.Chmod(e.partial, 0o755)
	}
	if err == nil {
		err = os.Rename(e.partial, e.dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(e.partial))
	}
	return nil
}

// discard ends an emission of which nothing shall remain.
func (e *emission) discard() error {
	var errs []error
	if e.requests != nil {
		errs = append(errs, e.requests.close())
	}
	if e.spool != nil {
		errs = append(errs, e.spool.close())
	}
	return errors.Join(append(errs, os.RemoveAll(e.partial))...)
}

func (e *emission) write(name string, write func(io.Writer) error) (err error) {
	file, err := os.Create(filepath.Join(e.partial, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := write(file); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return file.Sync()
}

func zipped(write func(*bufio.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z := gzip.NewWriter(w)
		out := bufio.NewWriterSize(z, 1<<16)
		if err := write(out); err != nil {
			return err
		}
		return errors.Join(out.Flush(), z.Close())
	}
}

func writeFaults(w io.Writer, faults []datasets.Fault) error {
	out := bufio.NewWriter(w)
	out.WriteString("service,endpoint,kind,start,end,severity,fails\n")
	for _, f := range faults {
		severity := ""
		if !math.IsNaN(f.Severity) {
			severity = strconv.FormatFloat(f.Severity, 'g', 4, 64)
		}
		fails := ""
		if !f.Fails.IsZero() {
			fails = unixSeconds(f.Fails)
		}
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s,%s\n", f.Service, f.Endpoint, f.Kind, unixSeconds(f.Start), unixSeconds(f.End), severity, fails)
	}
	return out.Flush()
}

// unixSeconds writes a time as unix seconds with milliseconds.
func unixSeconds(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}
