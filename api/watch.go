package api

import (
	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Watch implements the Router service. It keeps one number per service and
// nothing else: while the client is slow to read, Send waits, and what is read
// from the table next is the newest.
func (s *Server) Watch(in *fairwayv1.WatchRequest, stream grpc.ServerStreamingServer[fairwayv1.ServiceWeights]) error {
	if err := s.cfg.checkServices(in.Services); err != nil {
		return err
	}
	resume := in.ResumeVersion
	if resume > s.table.Version() { // another server's
		resume = 0
	}
	sent := map[string]uint64{}
	for {
		changed := s.table.Changed() // before the look, so that nothing falls in between
		for _, service := range s.services(in.Services) {
			routes := s.table.Load(service)
			last, seen := sent[service]
			if seen && routes.Version <= last || !seen && resume > 0 && routes.Version <= resume {
				continue
			}
			if err := stream.Send(serviceWeights(routes, service, s.table.Rules().Service(service).Service.Routes)); err != nil {
				return err
			}
			sent[service] = routes.Version
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.closing:
			return errClosing
		case <-changed:
		}
	}
}
