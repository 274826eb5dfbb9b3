package sim

import (
	"bufio"
	"errors"
	"math"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// requestLog writes requests in the order of their arrival. They come in the
// order in which they end, and none ends more than a deadline after it arrived:
// so many are held back.
type requestLog struct {
	file      *os.File
	packed    *gzip.Writer
	out       *bufio.Writer
	rows      *datasets.RequestWriter
	service   string
	endpoints []mesh.Endpoint
	deadline  time.Duration
	waiting   []Finished // in order of arrival, from head on
	head      int
}

func newRequestLog(path, service string, endpoints []mesh.Endpoint, deadline time.Duration) (*requestLog, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	l := &requestLog{file: file, packed: gzip.NewWriter(file), service: service, endpoints: endpoints, deadline: deadline}
	l.out = bufio.NewWriterSize(l.packed, 1<<16)
	l.rows = datasets.NewRequestWriter(l.out)
	return l, nil
}

// add takes a request that is over.
func (l *requestLog) add(f *Finished) {
	at := len(l.waiting) // nearly in order: the place is near the end
	for at > l.head && l.waiting[at-1].Arrived > f.Arrived {
		at--
	}
	l.waiting = slices.Insert(l.waiting, at, *f)
	for l.head < len(l.waiting) && l.waiting[l.head].Arrived < f.Ended-l.deadline {
		l.write(&l.waiting[l.head])
		l.head++
	}
	if l.head > len(l.waiting)/2 {
		l.waiting = slices.Delete(l.waiting, 0, l.head)
		l.head = 0
	}
}

// write leaves errors in out until it is flushed.
func (l *requestLog) write(f *Finished) {
	r := datasets.Request{
		Time: instantOf(f.Arrived), Service: l.service, Class: f.Class, Method: "GET", Path: "/",
		Propensity: math.NaN(), Latency: f.Latency, Status: f.Status, Deadline: l.deadline,
	}
	if f.Endpoint >= 0 {
		r.Endpoint = l.endpoints[f.Endpoint].Name
	}
	if f.Propensity > 0 { // NaN: not known
		r.Propensity = min(f.Propensity, 1)
	}
	if f.Status == 504 { // the proxy gave up: nobody answered
		r.Status = 0
	}
	_ = l.rows.Write(&r)
}

// close writes what was held back. It may be called twice.
func (l *requestLog) close() error {
	if l.file == nil {
		return nil
	}
	for i := l.head; i < len(l.waiting); i++ {
		l.write(&l.waiting[i])
	}
	err := errors.Join(l.out.Flush(), l.packed.Close(), l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
