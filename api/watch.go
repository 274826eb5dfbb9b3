package api

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
)

// Life is the header of a Watch that says whose versions its messages carry: a
// client that finds another one than before has another daemon, or the same one
// after a restart, or after names of services came to mean others or nothing, of which
// versions do not tell; it cannot resume.
const Life = "fairway-life"

// Life is the value of that header.
func (s *Server) Life() string {
	life, named := s.table.Life(), s.table.Named()
	if named == life {
		return strconv.FormatUint(life, 10)
	}
	return fmt.Sprintf("%d.%d", life, named)
}

// watcher is what is kept of one Watch: a number per service, and nothing that
// grows while the client is slow to read. Send waits then, and what is read from
// the table next is the newest.
type watcher struct {
	stream grpc.ServerStreamingServer[fairwayv1.ServiceWeights]
	asked  []string // sorted; empty is all
	resume uint64
	sent   map[string]sent // by the name that the client knows
}

// sent is what the client has of a name: which service it means, and the version.
type sent struct {
	service string // empty: none
	version uint64
}

// Watch implements the Router service.
func (s *Server) Watch(in *fairwayv1.WatchRequest, stream grpc.ServerStreamingServer[fairwayv1.ServiceWeights]) error {
	if err := s.cfg.checkServices(in.Services); err != nil {
		return err
	}
	if err := stream.SendHeader(metadata.Pairs(Life, s.Life())); err != nil {
		return err
	}
	w := watcher{stream: stream, asked: distinct(in.Services), resume: in.ResumeVersion, sent: map[string]sent{}}
	if w.resume > s.table.Version() || w.resume < s.table.Named() { // another daemon's, or other names
		w.resume = 0
	}
	beat := time.NewTicker(max(s.table.TTL()/2, time.Millisecond))
	defer beat.Stop()
	for told := uint64(0); ; {
		changed := s.table.Changed() // before the look, so that nothing falls in between
		look := s.table.Look()
		if err := s.tell(&w, look); err != nil {
			return err
		}
		if told == 0 {
			told = look.Version()
			if err := stream.Send(s.heartbeat(look)); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.closing:
			return errClosing
		case <-changed:
		case <-beat.C:
			told = 0
		}
	}
}

// tell sends what the client does not have.
func (s *Server) tell(w *watcher, look router.Look) error {
	services := w.asked
	if len(services) == 0 {
		services = look.Services()
	}
	for _, service := range services {
		routes := look.Load(service)
		last, seen := w.sent[service]
		if seen && routes.Version <= last.version && routes.Service == last.service || !seen && w.resume > 0 && routes.Version <= w.resume {
			continue
		}
		if err := w.stream.Send(s.serviceWeights(routes, service)); err != nil {
			return err
		}
		w.sent[service] = sent{routes.Service, routes.Version}
	}
	if len(w.asked) == 0 {
		return s.tellGone(w, look)
	}
	return nil
}

// tellGone tells who watches all of a service that has left the table: a heartbeat
// would have its weights hold for ever.
func (s *Server) tellGone(w *watcher, look router.Look) error {
	for service := range w.sent {
		if _, there := slices.BinarySearch(look.Services(), service); there {
			continue
		}
		if err := w.stream.Send(s.serviceWeights(look.Load(service), service)); err != nil {
			return err
		}
		delete(w.sent, service)
	}
	return nil
}

// heartbeat says that all that was sent holds on, and is the version from which a
// Watch may be resumed.
func (s *Server) heartbeat(look router.Look) *fairwayv1.ServiceWeights {
	return &fairwayv1.ServiceWeights{TableVersion: look.Version(), Ttl: durationpb.New(s.table.TTL())}
}
