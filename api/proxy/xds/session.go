package xds

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"

	"github.com/fairway-mesh/fairway/router"
)

// order is that in which what has changed is sent: what is pointed to before what
// points to it.
var order = []string{typeurl.ClusterType, typeurl.EndpointType, typeurl.ListenerType, typeurl.RouteType}

// maxNames bounds what one client may ask for of each type.
const maxNames = 1 << 16

// maxTypes bounds the types that one client may ask for; an Envoy knows about ten.
const maxTypes = 64

// session is one stream of discovery. It is what go-control-plane's handlers of the
// stream ask, and tells them of changes. What it keeps does not grow while the client
// is slow to read: a version per resource.
type session struct {
	*Server
	ctx    context.Context
	method string

	mu      sync.Mutex
	client  *client
	watches map[string]*watch // by type; those that wait
	said    map[string]string // by type: why the client refused what it was sent last
	open    map[string]bool   // names that it was told nothing of
}

// watch is a request that waits for an answer.
type watch struct {
	typeURL string
	known   cache.Subscription
	full    bool // an answer has all that there is, since what is not in it does not exist
	first   bool // it is answered although nothing may have changed
	send    func(*answer)
}

func (s *Server) session(ctx context.Context, method string) *session {
	return &session{Server: s, ctx: ctx, method: method, watches: map[string]*watch{}, said: map[string]string{}, open: map[string]bool{}}
}

// CreateWatch implements cache.ConfigWatcher.
func (s *session) CreateWatch(r *cache.Request, known cache.Subscription, to chan cache.Response) (func(), error) {
	w := &watch{typeURL: r.GetTypeUrl(), known: known, first: r.GetVersionInfo() == "" && r.GetResponseNonce() == ""}
	w.full = w.typeURL == typeurl.ListenerType || w.typeURL == typeurl.ClusterType
	w.send = func(a *answer) { to <- state{a, r} }
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meet(r.GetNode())
	return s.wait(w)
}

// CreateDeltaWatch implements cache.ConfigWatcher.
func (s *session) CreateDeltaWatch(r *cache.DeltaRequest, known cache.Subscription, to chan cache.DeltaResponse) (func(), error) {
	w := &watch{typeURL: r.GetTypeUrl(), known: known, first: known.IsWildcard() && r.GetResponseNonce() == ""}
	w.send = func(a *answer) { to <- delta{a, r} }
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meet(r.GetNode())
	return s.wait(w)
}

// meet is told the node with every request; the first says who it is.
func (s *session) meet(n *corev3.Node) {
	if s.client == nil {
		c := identify(n)
		s.client = &c
	}
}

// wait answers at once or keeps the watch. The channels of the handlers have room for
// an answer of each type, and no more than one waits of each: nothing blocks.
func (s *session) wait(w *watch) (cancel func(), err error) {
	if n := len(w.known.SubscribedResources()); n > maxNames {
		return nil, fmt.Errorf("%d names of %s; at most %d are taken", n, w.typeURL, maxNames)
	}
	if s.watches[w.typeURL] == nil && len(s.watches) == maxTypes {
		return nil, fmt.Errorf("%d types that there is nothing of; no more are taken", maxTypes)
	}
	s.watches[w.typeURL] = w
	s.tell(s.table.Look(), w)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.watches[w.typeURL] == w {
			delete(s.watches, w.typeURL)
		}
	}, nil
}

// follow tells of changes until the stream ends.
func (s *session) follow() {
	patience := time.NewTimer(s.cfg.Patience)
	defer patience.Stop()
	lead := time.NewTimer(s.cfg.Lead)
	defer lead.Stop()
	for {
		changed := s.table.Changed() // before the look, so that nothing falls in between
		s.mu.Lock()
		look := s.table.Look()
		for _, typeURL := range order {
			if w := s.watches[typeURL]; w != nil {
				s.tell(look, w)
			}
		}
		s.mu.Unlock()
		select {
		case <-s.ctx.Done():
			return
		case <-changed:
			lead.Reset(s.cfg.Lead + time.Millisecond)
		case <-lead.C: // what was announced may be used
		case <-patience.C: // what is not there by now does not exist
		}
	}
}

// tell answers the watch if there is anything to say.
func (s *session) tell(look router.Look, w *watch) {
	if a := s.answer(look, w); a != nil {
		delete(s.watches, w.typeURL)
		s.metrics.Answered()
		w.send(a)
	}
}

// answer is what the client does not have; nil is nothing.
func (s *session) answer(look router.Look, w *watch) *answer {
	known := w.known.ReturnedResources()
	out := &answer{ctx: s.ctx, version: strconv.FormatUint(look.Version(), 10), has: maps.Clone(known)}
	if out.has == nil {
		out.has = map[string]string{}
	}
	changed, missing := 0, false
	for name := range s.names(look, w) {
		r := s.find(look, w.typeURL, name)
		if r == nil {
			missing = true
			continue
		}
		fresh := known[name] != r.version
		if fresh {
			changed++
		}
		if fresh || w.full {
			out.list, out.has[name] = append(out.list, r), r.version
		}
	}
	switch {
	case w.full && missing && (s.early() || !w.first && s.cfg.Awaits != nil && s.cfg.Awaits()):
		return nil
	case changed > 0, w.first && (w.full || w.known.IsWildcard()):
		return out
	}
	return nil
}

// early reports whether what is missing may still come: after a start, the services
// that only the metrics know. An answer without it would have a client that has it
// give it up.
func (s *session) early() bool { return s.cfg.Clock().Sub(s.began) < s.cfg.Patience }

// names are those that the client asks for. Of all there are only clusters: the
// listeners are for gRPC, which names them.
func (s *session) names(look router.Look, w *watch) map[string]struct{} {
	names := w.known.SubscribedResources()
	if !w.known.IsWildcard() || w.typeURL != typeurl.ClusterType {
		return names
	}
	names = maps.Clone(names)
	for _, service := range look.Services() {
		for _, name := range s.book.clusters(look, service, s.client.kind) {
			names[name] = struct{}{}
		}
	}
	return names
}

// find is a resource that the client may have. What is not found is counted once.
func (s *session) find(look router.Look, typeURL, name string) *resource {
	service, why := serviceOf(name), "unknown_service"
	if s.cfg.May != nil && !s.cfg.May(s.ctx, s.method, service) {
		why = "refused"
	} else if r := s.book.find(look, s.client, typeURL, name); r != nil {
		return r
	}
	if !s.open[service] && len(s.open) < maxNames {
		s.open[service] = true
		s.metrics.FailedOpen(why)
		s.cfg.Log.Info("xds: nothing to tell of a service", "service", service, "resource", name, "reason", why)
	}
	return nil
}

// refused counts that a client did not take what it was sent, and logs why, once for
// as long as it is the same.
func (s *session) refused(typeURL, node string, why *status.Status) {
	if why == nil {
		delete(s.said, typeURL)
		return
	}
	s.metrics.FailedOpen("refused")
	if slices.Contains(order, typeURL) && s.said[typeURL] != why.GetMessage() {
		s.said[typeURL] = why.GetMessage()
		s.cfg.Log.Warn("xds: a client refuses what it was sent and keeps what it has", "client", node, "type", typeURL, "reason", why.GetMessage())
	}
}
