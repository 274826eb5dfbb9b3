package sim

import (
	"bufio"
	"compress/gzip"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// logged is a request of the log.
type logged struct {
	at         time.Duration // of its arrival
	class      string
	endpoint   int     // −1: none was there
	propensity float64 // NaN: not known
	latency    time.Duration
	status     int
	deadline   time.Duration
	over       bool // all of it is known
}

// requestLog writes the requests in the order of their arrival, each as soon as
// it and all before it are over.
type requestLog struct {
	file    *os.File
	packed  *gzip.Writer
	out     *bufio.Writer
	service string
	names   []string
	waiting ring[logged]
	first   uint64 // number of the request at the head of waiting
	line    []byte
}

func newRequestLog(path, service string, endpoints []mesh.Endpoint) (*requestLog, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	l := &requestLog{file: file, packed: gzip.NewWriter(file), service: field(service)}
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

// arrive gives a request that arrives, never before the one before, its number.
func (l *requestLog) arrive(at time.Duration, class string, deadline time.Duration) uint64 {
	l.waiting.push(logged{at: at, class: class, deadline: deadline, endpoint: -1, propensity: math.NaN()})
	return l.first + uint64(l.waiting.n) - 1
}

// sent notes where the request went.
func (l *requestLog) sent(number uint64, endpoint int, propensity float64) {
	r := l.waiting.at(int(number - l.first))
	r.endpoint, r.propensity = endpoint, propensity
}

// done notes what became of the request; status 0: no answer before the deadline.
func (l *requestLog) done(number uint64, latency time.Duration, status int) {
	r := l.waiting.at(int(number - l.first))
	r.latency, r.status, r.over = latency, status, true
	for l.waiting.n > 0 && l.waiting.at(0).over {
		r := l.waiting.pop()
		l.write(&r)
		l.first++
	}
}

// write leaves errors in out until it is flushed.
func (l *requestLog) write(r *logged) {
	b := strconv.AppendFloat(l.line[:0], r.at.Seconds(), 'f', 6, 64)
	b = append(append(b, ','), l.service...)
	b = append(append(b, ','), field(r.class)...)
	b = append(b, ",GET,/,"...)
	if r.endpoint >= 0 {
		b = append(b, l.names[r.endpoint]...)
	}
	b = append(b, ',')
	if !math.IsNaN(r.propensity) {
		b = strconv.AppendFloat(b, r.propensity, 'g', -1, 64)
	}
	b = strconv.AppendFloat(append(b, ','), r.latency.Seconds(), 'f', 6, 64)
	b = strconv.AppendInt(append(b, ','), int64(r.status), 10)
	b = strconv.AppendFloat(append(b, ','), r.deadline.Seconds(), 'f', -1, 64)
	l.line = append(b, '\n')
	l.out.Write(l.line)
}

// close ends the log before the first request that is not over: when a run
// ends, some are under way.
func (l *requestLog) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.out.Flush(), l.packed.Close(), l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
