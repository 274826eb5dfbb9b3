package accesslog

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// requestWriter writes a recording's request log.
type requestWriter struct{ out *csv.Writer }

func newRequestWriter(w io.Writer) requestWriter {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"time", "service", "class", "method", "path", "endpoint", "propensity", "latency_seconds", "status", "deadline_seconds"}) // kept for Error
	return requestWriter{out}
}

// write leaves out what is not known.
func (w requestWriter) write(r *datasets.Request) error {
	propensity, deadline := "", ""
	if !math.IsNaN(r.Propensity) {
		propensity = strconv.FormatFloat(r.Propensity, 'g', -1, 64)
	}
	if r.Deadline > 0 {
		deadline = strconv.FormatFloat(r.Deadline.Seconds(), 'f', -1, 64)
	}
	err := w.out.Write([]string{unixText(r.Time), r.Service, r.Class, r.Method, r.Path, r.Endpoint, propensity,
		strconv.FormatFloat(r.Latency.Seconds(), 'f', 6, 64), strconv.Itoa(r.Status), deadline})
	if err != nil {
		return err
	}
	return w.out.Error()
}

func (w requestWriter) flush() error {
	w.out.Flush()
	return w.out.Error()
}

func unixText(t time.Time) string {
	us := t.UnixMicro()
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}
