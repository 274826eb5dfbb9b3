package lab

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// row is a request that goes into the log.
type row struct {
	planned
	answered
	service Service
	time    time.Time // when it was due
}

// rows returns the requests of all loads that were sent and due before end, in
// order of the times at which they were due.
func rows(loads []*load, end time.Time) []row {
	var all []row
	for _, l := range loads {
		for i, r := range l.requests {
			if due := l.start.Add(r.at); l.answers[i].done && due.Before(end) {
				all = append(all, row{r, l.answers[i], l.service, due})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return a.time.Compare(b.time) })
	return all
}

func writeRequests(w io.Writer, rows []row) error {
	out := bufio.NewWriter(w)
	out.WriteString("time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds\n")
	for _, r := range rows {
		c := r.service.Classes[r.class]
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s,%s,%.4f,%d,%s\n",
			seconds(r.time), r.service.Name, c.Name, c.Method, c.Path, r.service.Endpoints[r.endpoint].Name,
			plain(float64(r.propensity)/shareUnit), r.latency.Seconds(), r.status, plain(c.Deadline.Seconds()))
	}
	return out.Flush()
}

func writeFaults(w io.Writer, faults []datasets.Fault) error {
	out := bufio.NewWriter(w)
	out.WriteString("service,endpoint,kind,start,end,severity\n")
	for _, f := range faults {
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%.4g\n", f.Service, f.Endpoint, f.Kind, seconds(f.Start), seconds(f.End), f.Severity)
	}
	return out.Flush()
}

// seconds writes a time as unix seconds with milliseconds.
func seconds(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
