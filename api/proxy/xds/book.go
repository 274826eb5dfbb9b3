package xds

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/fairway-mesh/fairway/router"
)

// book keeps the pages of the services that somebody asked for. It is safe for
// concurrent use.
type book struct {
	log   *slog.Logger
	clock func() time.Time
	lead  time.Duration // of announcements
	mu    sync.Mutex
	pages map[pageKey]*page
}

type pageKey struct {
	service string
	kind    kind
}

// find is a resource by its type and name, as the client is told it; nil where there
// is none. A service that has left the table stays as it was.
func (b *book) find(look router.Look, c *client, typeURL, name string) *resource {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(look, pageKey{serviceOf(name), c.kind})
	if p == nil {
		return nil
	}
	p.conclude(b.clock(), b.lead)
	out, err := p.find(c, typeURL, name)
	if err != nil {
		b.log.Error("xds: nothing is told", "resource", name, "type", typeURL, "error", err)
		return nil
	}
	return out
}

// find is a resource of the page. Before there is an endpoint there is none.
func (p *page) find(c *client, typeURL, name string) (*resource, error) {
	switch {
	case typeURL == typeurl.ClusterType:
		return p.clusters[name], nil
	case typeURL == typeurl.EndpointType:
		return p.assignment(name, c.source.Zone)
	case name != p.service || len(p.clusters) == 0:
		return nil, nil
	case typeURL == typeurl.ListenerType:
		return p.listener, nil
	case typeURL == typeurl.RouteType:
		return p.table(c)
	}
	return nil, nil
}

// clusters names all clusters that a client of the kind may have of a service.
func (b *book) clusters(look router.Look, service string, to kind) (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.page(look, pageKey{service, to}); p != nil {
		for name := range p.clusters {
			names = append(names, name)
		}
	}
	return names
}

// page is that of the state, or a newer one that is here.
func (b *book) page(look router.Look, key pageKey) *page {
	routes := look.Load(key.service)
	if routes.Service != "" {
		key.service = routes.Service // it may be asked for by many names
	}
	last := b.pages[key]
	if routes.Service == "" || last != nil && (last.edition == routes || last.edition.Version > routes.Version) {
		return last
	}
	p, err := newPage(routes, key.kind, last, b.clock())
	if err != nil { // what cannot be encoded, such as a name that is not UTF-8
		b.log.Error("xds: keeping what was served", "service", key.service, "error", err)
		return last
	}
	b.pages[key] = p
	b.warn(p, last)
	return p
}

// warn says once for each set of rules what clients cannot be told.
func (b *book) warn(p, last *page) {
	if last != nil && p.ruledAlike(last) {
		return
	}
	if _, unsaid := routeConfiguration(p, &client{kind: p.kind}); len(unsaid) > 0 {
		b.log.Warn("xds: clients are to refuse requests that they cannot be told the rules of", "service", p.service,
			"clients", [...]string{"envoy", "grpc"}[p.kind], "rules", strings.Join(unsaid, "; "))
	}
}
