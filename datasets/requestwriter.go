package datasets

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// RequestWriter writes a request log that Requests reads. It is not safe for
// concurrent use.
type RequestWriter struct {
	out  *bufio.Writer
	line []byte
}

// NewRequestWriter writes the head. As that of every line, its error comes
// again when out is flushed, which is up to the caller.
func NewRequestWriter(out *bufio.Writer) *RequestWriter {
	out.WriteString("time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds\n")
	return &RequestWriter{out: out}
}

// Write writes a line, with times in microseconds. It leaves out what is not
// known: a propensity that is NaN, a deadline of 0.
func (w *RequestWriter) Write(r *Request) error {
	us := r.Time.Round(time.Microsecond).UnixMicro()
	b := fmt.Appendf(w.line[:0], "%d.%06d", us/1e6, us%1e6)
	for _, text := range []string{r.Service, r.Class, r.Method, r.Path, r.Endpoint} {
		b = appendField(append(b, ','), text)
	}
	if b = append(b, ','); !math.IsNaN(r.Propensity) {
		b = strconv.AppendFloat(b, r.Propensity, 'g', -1, 64)
	}
	b = strconv.AppendFloat(append(b, ','), r.Latency.Seconds(), 'f', 6, 64)
	b = strconv.AppendInt(append(b, ','), int64(r.Status), 10)
	if b = append(b, ','); r.Deadline > 0 {
		b = strconv.AppendFloat(b, r.Deadline.Seconds(), 'f', -1, 64)
	}
	w.line = append(b, '\n')
	_, err := w.out.Write(w.line)
	return err
}

// appendField quotes what CSV does not take as it is.
func appendField(b []byte, text string) []byte {
	if !strings.ContainsAny(text, "\",\r\n") {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}
