package lab

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// manifest is manifest.json of a recording.
type manifest struct {
	Format         string    `json:"format"`
	Schema         string    `json:"schema"`
	Services       []string  `json:"services"`
	Start          time.Time `json:"start"`
	End            time.Time `json:"end"`
	ScrapeInterval float64   `json:"scrape_interval_s"`
	MadeBy         string    `json:"made_by"`
	Seed           uint64    `json:"seed"`
	Notes          string    `json:"notes"`
}

// writeFile writes dir/name and flushes it to the disk.
func writeFile(dir, name string, write func(io.Writer) error) (err error) {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	if err := write(out); err != nil {
		return fmt.Errorf("write %s: %w", file.Name(), err)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// zipped compresses what write writes as far as gzip can.
func zipped(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	}
}

func (m manifest) write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(m)
}

// writeRequests writes the requests of all loads that were sent before end, in
// order of the times at which they were to be sent.
func writeRequests(w io.Writer, loads []*load, end time.Time) error {
	type row struct {
		load  *load
		index int
		at    time.Duration
	}
	var rows []row
	for _, l := range loads {
		for i, r := range l.requests {
			if l.answers[i].done && l.start.Add(r.at).Before(end) {
				rows = append(rows, row{l, i, r.at})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	out := bufio.NewWriter(w)
	out.WriteString("time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds\n")
	for _, row := range rows {
		r, a, s := row.load.requests[row.index], row.load.answers[row.index], row.load.service
		c := s.Classes[r.class]
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s,%s,%.4f,%d,%s\n",
			seconds(row.load.start.Add(r.at)), s.Name, c.Name, c.Method, c.Path, s.Endpoints[r.endpoint].Name,
			plain(float64(r.propensity)/shareUnit), a.latency.Seconds(), a.status, plain(c.Deadline.Seconds()))
	}
	return out.Flush()
}

func writeFaults(w io.Writer, faults []Injected) error {
	slices.SortFunc(faults, func(a, b Injected) int { return a.Began.Compare(b.Began) })
	out := bufio.NewWriter(w)
	out.WriteString("service,endpoint,kind,start,end,severity\n")
	for _, f := range faults {
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%.4g\n", f.Service, f.Endpoint, f.Kind, seconds(f.Began), seconds(f.Ended), f.Severity)
	}
	return out.Flush()
}

// seconds writes a time as unix seconds with milliseconds.
func seconds(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
