package sim

import (
	"bufio"
	"compress/gzip"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// requestLog writes requests in the order of their arrival. They come in the
// order in which they end, and none ends more than a deadline after it arrived:
// so many are held back.
type requestLog struct {
	file     *os.File
	packed   *gzip.Writer
	out      *bufio.Writer
	service  string
	names    []string
	deadline time.Duration
	waiting  []Finished // in order of arrival, from head on
	head     int
	line     []byte
}

func newRequestLog(path, service string, endpoints []mesh.Endpoint, deadline time.Duration) (*requestLog, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	l := &requestLog{file: file, packed: gzip.NewWriter(file), service: field(service), deadline: deadline}
	l.out = bufio.NewWriterSize(l.packed, 1<<16)
	for _, e := range endpoints {
		l.names = append(l.names, field(e.Name))
	}
	l.out.WriteString("time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds\n")
	return l, nil
}

// field quotes what CSV does not take as it is.
func field(text string) string {
	if !strings.ContainsAny(text, "\",\r\n") {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
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
	b := strconv.AppendFloat(l.line[:0], f.Arrived.Seconds(), 'f', 6, 64)
	b = append(append(b, ','), l.service...)
	b = append(append(b, ','), field(f.Class)...)
	b = append(b, ",GET,/,"...)
	if f.Endpoint >= 0 {
		b = append(b, l.names[f.Endpoint]...)
	}
	b = append(b, ',')
	if f.Propensity > 0 { // NaN: not known
		b = strconv.AppendFloat(b, math.Min(f.Propensity, 1), 'g', -1, 64)
	}
	b = strconv.AppendFloat(append(b, ','), f.Latency.Seconds(), 'f', 6, 64)
	status := f.Status
	if status == 504 { // the proxy gave up: nobody answered
		status = 0
	}
	b = strconv.AppendInt(append(b, ','), int64(status), 10)
	b = strconv.AppendFloat(append(b, ','), l.deadline.Seconds(), 'f', -1, 64)
	l.line = append(b, '\n')
	l.out.Write(l.line)
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
