package sim

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// told is a family of the metrics of a simulated mesh, which are those that the
// lab schema asks for.
type told struct {
	name, kind, help string
	ofProxies        bool // else of the endpoint, which says nothing while it is down
	series           []toldSeries
}

type toldSeries struct {
	suffix, label string
	number        int // of a scrape, or one of the two below
}

const (
	zero    = -1 - iota // a counter of what the simulated proxies count elsewhere
	whether             // 1 when the endpoint answered the scrape
)

// families are in order of their names, as the lab writes them.
func families() []told {
	duration := told{name: "http_server_request_duration_seconds", kind: "histogram", help: "Time from arrival to answer, with the time in the queue."}
	for i, bound := range Buckets {
		duration.series = append(duration.series, toldSeries{"_bucket", fmt.Sprintf("le=%q", strconv.FormatFloat(bound, 'g', -1, 64)), numBuckets + i})
	}
	duration.series = append(duration.series,
		toldSeries{"_bucket", `le="+Inf"`, numAnswers}, toldSeries{"_count", "", numAnswers}, toldSeries{"_sum", "", numLatencySum})
	one := func(suffix string, number int) []toldSeries { return []toldSeries{{suffix, "", number}} }
	return []told{
		{"haproxy_server_connection_errors", "counter", "Refused connections; the simulated proxies count them as 5xx.", true, one("_total", zero)},
		{"haproxy_server_http_responses", "counter", "Requests by what became of them.", true, []toldSeries{
			{"_total", `code="2xx"`, numGood}, {"_total", `code="5xx"`, numBad}}},
		{"haproxy_server_response_errors", "counter", "Answers that broke off; the simulated proxies count them as 5xx.", true, one("_total", zero)},
		{"http_server_in_flight_requests", "gauge", "Requests being served or waiting.", false, one("", numInFlight)},
		duration,
		{"http_server_workers", "gauge", "Workers of the pool.", false, one("", numWorkers)},
		{"http_server_workers_busy_seconds", "counter", "Seconds that workers have been busy, summed over the workers.", false, one("_total", numBusySeconds)},
		{"process_cpu_seconds", "counter", "Total user and system CPU time spent in seconds.", false, one("_total", numCPUSeconds)},
		{"process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", false, one("", numMemory)},
		{"up", "unknown", "", true, one("", whether)},
	}
}

// writeMetrics writes the spooled scrapes as OpenMetrics text.
func writeMetrics(w *bufio.Writer, s *spool, service string, endpoints []mesh.Endpoint) error {
	for _, f := range families() {
		fmt.Fprintf(w, "# TYPE %s %s\n", f.name, f.kind)
		if f.help != "" {
			fmt.Fprintf(w, "# HELP %s %s\n", f.name, f.help)
		}
		for i, e := range endpoints {
			labels := f.labels(service, e)
			for _, series := range f.series {
				if err := writeSeries(w, s, i, &f, series, labels); err != nil {
					return err
				}
			}
		}
	}
	_, err := w.WriteString("# EOF\n")
	return err
}

// labels are those of every series of an endpoint.
func (f *told) labels(service string, e mesh.Endpoint) []string {
	if strings.HasPrefix(f.name, "haproxy_") {
		return []string{`job="haproxy"`, label("proxy", service), label("server", e.Name)}
	}
	labels := []string{label("endpoint", e.Name), `job="endpoints"`, label("service", service)}
	for _, l := range []struct{ name, value string }{{"subset", e.Subset}, {"zone", e.Zone}} {
		if l.value != "" {
			labels = append(labels, label(l.name, l.value))
		}
	}
	return labels
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func label(name, value string) string { return name + `="` + escape.Replace(value) + `"` }

// appendTime writes ms as seconds such that a reader of OpenMetrics finds the
// same ms again: Prometheus' own multiplies and cuts off, so that 65.535 would
// become 65534.
func appendTime(line []byte, ms int64) []byte {
	seconds := float64(ms) / 1000
	if int64(seconds*1000) == ms {
		return strconv.AppendFloat(line, seconds, 'f', 3, 64)
	}
	return strconv.AppendFloat(line, math.Nextafter(seconds, math.Inf(1)), 'f', -1, 64)
}

func writeSeries(w *bufio.Writer, s *spool, i int, f *told, series toldSeries, labels []string) error {
	if series.label != "" {
		labels = append([]string{series.label}, labels...)
	}
	name := f.name + series.suffix + "{" + strings.Join(labels, ",") + "} "
	var line []byte
	return s.each(i, max(series.number, 0), func(t int64, up bool, v float64) {
		switch {
		case series.number == zero:
			v = 0
		case series.number == whether:
			v = 0
			if up {
				v = 1
			}
		case !up && !f.ofProxies:
			return
		}
		line = append(line[:0], name...)
		line = strconv.AppendFloat(line, v, 'g', -1, 64)
		line = append(line, ' ')
		line = appendTime(line, t)
		w.Write(append(line, '\n')) // w keeps its error until it is flushed
	})
}
