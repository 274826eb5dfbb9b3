package api

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/journal"
)

// What is taken as the time of a report: clocks differ, and what was sent long
// ago was decided by another table.
const (
	maxEarly = time.Minute
	maxLate  = time.Hour
)

// maxLatency bounds the durations of a report.
const maxLatency = 24 * time.Hour

// Results of a report, the labels of fairway_reports_total: ok and failed were
// taken, the others are why one was not.
const (
	reportOK         = "ok"
	reportFailed     = "failed" // 5xx, or no answer
	reportUnknown    = "unknown"
	reportLatency    = "latency"
	reportDeadline   = "deadline"
	reportStatus     = "status"
	reportPropensity = "propensity"
	reportTime       = "time"
	reportInFlight   = "in_flight"
	reportSize       = "size"
	reportText       = "text"
)

type reporterKey struct{}

// Reporter names who reports: the requests in flight that it told last stand
// until its next Report, or for some seconds, rather than until the end of the
// call. It is for proxies that report by many short calls.
func Reporter(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, reporterKey{}, name)
}

// Report implements the Router service. A report that makes no sense is counted
// and does not end the stream.
func (s *Server) Report(stream grpc.ClientStreamingServer[fairwayv1.OutcomeReport, fairwayv1.ReportSummary]) error {
	ctx := stream.Context()
	who := ""
	if s.cfg.Who != nil {
		who = s.cfg.Who(ctx)
	}
	name, _ := ctx.Value(reporterKey{}).(string)
	t := s.inFlight.teller(name, s.metrics.clock())
	defer s.inFlight.leave(t)
	sum := &fairwayv1.ReportSummary{}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(sum)
		}
		if err != nil {
			return err
		}
		sum.Received++
		if s.report(r, t, who) {
			sum.Accepted++
		}
	}
}

func (s *Server) report(r *fairwayv1.OutcomeReport, t *teller, who string) (accepted bool) {
	routes := s.table.Load(r.Service)
	endpoint, known := find(routes, r.Endpoint)
	if !known {
		s.metrics.outcomes.at(outcome{"", reportUnknown}).Inc()
		return false
	}
	now := s.metrics.clock()
	if why := s.cfg.refuse(r, now); why != "" {
		s.metrics.outcomes.at(outcome{routes.Service, why}).Inc()
		return false
	}
	result := reportOK
	if r.Status == 0 || r.Status >= 500 {
		result = reportFailed
	}
	s.metrics.outcomes.at(outcome{routes.Service, result}).Inc()
	counts := s.inFlight.tell(t, place{routes.Service, endpoint}, int64(r.InFlight), now)
	if s.sampled() {
		e := reported(r, counts, now, who)
		e.Service = routes.Service // as picks have it, by whichever name it is reported
		s.cfg.Journal.Append(e)
	}
	return true
}

// find is the table's own name of an endpoint of either line.
func find(r *router.Routes, name string) (string, bool) {
	if known, ok := named(r.Endpoints, name); ok {
		return known, true
	}
	if _, _, on := r.Trial(); !on {
		return "", false
	}
	return named(r.Weigh(&mesh.Request{Service: r.Service}).Endpoints, name) // of both lines
}

// named searches endpoints that are in order of their names.
func named(list []mesh.Endpoint, name string) (string, bool) {
	i, known := slices.BinarySearchFunc(list, name, func(e mesh.Endpoint, name string) int { return strings.Compare(e.Name, name) })
	if !known {
		return "", false
	}
	return list[i].Name, true
}

// refuse says what is wrong with a report; "" is nothing.
func (c *Config) refuse(r *fairwayv1.OutcomeReport, now time.Time) string {
	texts := [...]string{r.Class, r.Method, r.Path, r.Route, r.ModelVersion}
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	switch {
	case size > c.MaxBytes:
		return reportSize
	case slices.ContainsFunc(texts[:], func(text string) bool { return !utf8.ValidString(text) }):
		return reportText
	case !possible(r.Latency):
		return reportLatency
	case !possible(r.Deadline):
		return reportDeadline
	case r.Status != 0 && (r.Status < 100 || r.Status > 599):
		return reportStatus
	case r.InFlight < 0:
		return reportInFlight
	case !(r.Propensity >= 0 && r.Propensity <= 1): // 0 is unknown; or NaN
		return reportPropensity
	case !lately(r.Time, now):
		return reportTime
	}
	return ""
}

// possible takes an unset duration as well.
func possible(d *durationpb.Duration) bool {
	return d == nil || d.CheckValid() == nil && d.AsDuration() >= 0 && d.AsDuration() <= maxLatency
}

// lately takes an unset time as well.
func lately(at *timestamppb.Timestamp, now time.Time) bool {
	if at == nil {
		return true
	}
	since := now.Sub(at.AsTime())
	return at.CheckValid() == nil && since >= -maxEarly && since <= maxLate
}

// reported is an outcome in words of the journal.
func reported(r *fairwayv1.OutcomeReport, counts bool, now time.Time, who string) *journal.Entry {
	e := &journal.Entry{
		Kind: journal.Outcome, Time: now, Service: r.Service, Model: r.ModelVersion, Table: r.TableVersion,
		Class: r.Class, Method: r.Method, Path: r.Path, Route: r.Route, Endpoint: r.Endpoint, Propensity: r.Propensity,
		Latency: r.Latency.AsDuration(), Deadline: r.Deadline.AsDuration(), Status: int(r.Status), InFlight: -1, By: who,
	}
	if r.Time != nil {
		e.Time = r.Time.AsTime()
	}
	if counts {
		e.InFlight = int(r.InFlight)
	}
	return e
}
