package api

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// Report implements the Router service. Outcomes are counted and not kept.
func (s *Server) Report(stream grpc.ClientStreamingServer[fairwayv1.OutcomeReport, fairwayv1.ReportSummary]) error {
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
		if s.report(r) {
			sum.Accepted++
		}
	}
}

func (s *Server) report(r *fairwayv1.OutcomeReport) (accepted bool) {
	known := s.table.Load(r.Service).Endpoints
	if !slices.ContainsFunc(known, func(e mesh.Endpoint) bool { return e.Name == r.Endpoint }) {
		s.metrics.outcomes.at(outcome{"", "unknown"}).Inc()
		return false
	}
	result := "ok"
	if r.Status == 0 || r.Status >= 500 {
		result = "failed"
	}
	s.metrics.outcomes.at(outcome{r.Service, result}).Inc()
	return true
}
