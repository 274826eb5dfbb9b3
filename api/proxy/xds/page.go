package xds

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// resource is what is sent, and its version: what it says, so that a client which
// comes back, after a restart of ours too, is sent only what has changed.
type resource struct {
	name    string
	body    *anypb.Any
	version string
}

func made(name string, m proto.Message) (*resource, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	sum := fnv.New64a()
	sum.Write(text)
	body := &anypb.Any{TypeUrl: "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName()), Value: text}
	return &resource{name, body, strconv.FormatUint(sum.Sum64(), 36)}, nil
}

// choice is a route of a page.
type choice struct {
	answer  router.Answer
	rule    *rules.Route // nil: no match
	met     bool
	cluster string
	zones   []router.Zoned // the weights of callers from zones that have some of their own
}

// from is the answer to callers in a zone, and the zone where it has one of its own.
func (c *choice) from(zone string) (a *router.Answer, own string) {
	for _, z := range c.zones {
		if z.Zone == zone {
			terms := *c.answer.Terms
			terms.Weights = z.Weights
			return &router.Answer{Terms: &terms}, zone
		}
	}
	return &c.answer, ""
}

// page is everything that clients of one kind are told of one edition of a service.
// The book's lock guards it.
type page struct {
	service  string
	kind     kind
	edition  *router.Routes
	choices  []choice
	plain    choice // of a request that says nothing of itself; no route leads there
	listener *resource
	// clusters and endpoints are by name. Those that another set of rules had stay
	// until there is a third: a client asks for its own until it has read the new
	// routes, and would take one that is not there for deleted.
	clusters, endpoints map[string]*resource
	former              map[string]*resource // the endpoints of those clusters
	labels              []string             // of the source that the rules look at
	zone                bool
	tables              map[string]*resource // of routes, by client.key
	announced                                // where there are clusters that clients have to get to know first
}

// newPage makes what is told of the routes. last is what was told before, or nil;
// what is the same in both is taken from it.
func newPage(routes *router.Routes, to kind, last *page, now time.Time) (*page, error) {
	p := &page{service: routes.Service, kind: to, edition: routes, clusters: map[string]*resource{}, endpoints: map[string]*resource{}, former: map[string]*resource{}, tables: map[string]*resource{}}
	if last != nil {
		p.listener = last.listener
	} else if err := p.listen(); err != nil {
		return nil, err
	}
	p.plain = choice{answer: routes.Weigh(&mesh.Request{Service: routes.Service}), cluster: p.service}
	if err := p.offer(&p.plain, last); err != nil {
		return nil, err
	}
	for i, a := range routes.Answers() {
		rule, met := routes.Rule(i)
		p.choices = append(p.choices, choice{a, rule, met, clusterName(p.service, a.Route, rule != nil), routes.Zones(i)})
		if rule != nil && len(rule.Match)+len(rule.Criteria) == 0 {
			break // none goes on from here
		}
	}
	p.plain.zones = p.plainZones()
	for i := range p.choices {
		if err := p.offer(&p.choices[i], last); err != nil {
			return nil, err
		}
	}
	p.labels, p.zone = asked(p.met())
	if last == nil {
		return p, nil
	}
	p.announce(last, now)
	return p, p.keep(last)
}

// plainZones are the weights of requests that say nothing of themselves but the zone that
// they come from, of the zones that have some of their own.
func (p *page) plainZones() (list []router.Zoned) {
	var names []string
	for i := range p.choices {
		for _, z := range p.choices[i].zones {
			names = append(names, z.Zone)
		}
	}
	slices.Sort(names)
	for _, zone := range slices.Compact(names) {
		a := p.edition.Weigh(&mesh.Request{Service: p.service, Source: mesh.Source{Zone: zone}})
		list = append(list, router.Zoned{Zone: zone, Weights: a.Weights})
	}
	return list
}

// listen makes the listener by which gRPC finds the routes.
func (p *page) listen() error {
	filter, err := anypb.New(&routerv3.Router{})
	if err != nil {
		return err
	}
	connections, err := anypb.New(&hcmv3.HttpConnectionManager{
		StatPrefix:     p.service,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: p.service}},
		HttpFilters:    []*hcmv3.HttpFilter{{Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: filter}}},
	})
	if err != nil {
		return err
	}
	p.listener, err = made(p.service, &listenerv3.Listener{Name: p.service, ApiListener: &listenerv3.ApiListener{ApiListener: connections}})
	return err
}

// offer makes the cluster of a route that leads somewhere.
func (p *page) offer(c *choice, last *page) error {
	if !leads(&c.answer) {
		return nil
	}
	if p.clusters[c.cluster] = last.same(c); p.clusters[c.cluster] != nil {
		return nil
	}
	said, err := cluster(c.cluster, &c.answer, p.kind)
	if err != nil {
		return err
	}
	p.clusters[c.cluster], err = made(c.cluster, said)
	return err
}

// assignment is the endpoints of a cluster for callers in a zone, made when they are
// first asked for.
func (p *page) assignment(name, zone string) (*resource, error) {
	c := &p.plain
	if i := slices.IndexFunc(p.choices, func(c choice) bool { return c.cluster == name }); i >= 0 {
		c = &p.choices[i]
	}
	a, own := c.from(zone)
	key := name
	if own != "" {
		key += bar + bar + own
	}
	if kept := p.former[name]; kept != nil || p.clusters[name] == nil {
		return kept, nil
	}
	if known := p.endpoints[key]; known != nil {
		return known, nil
	}
	out, err := made(name, assignment(name, a, p.kind))
	if err == nil {
		p.endpoints[key] = out
	}
	return out, err
}

// same is the cluster of the edition before where the rules say the same of it.
func (p *page) same(c *choice) *resource {
	if p == nil {
		return nil
	}
	alike := func(old choice) bool {
		return old.cluster == c.cluster && old.answer.Balance == c.answer.Balance && old.answer.Circuit == c.answer.Circuit
	}
	if alike(p.plain) || slices.ContainsFunc(p.choices, alike) {
		return p.clusters[c.cluster]
	}
	return nil
}

// keep takes over what holds on from the edition before.
func (p *page) keep(last *page) (err error) {
	if p.announced == last.announced && slices.EqualFunc(p.choices, last.choices, func(a, b choice) bool { return a.rule == b.rule && a.met == b.met }) {
		p.tables = last.tables
	}
	for name, r := range last.clusters {
		if p.clusters[name] != nil || !p.ruledAlike(last) && !last.offers(name) {
			continue
		}
		p.clusters[name] = r
		if len(p.edition.Endpoints) == 0 && p.offers(name) {
			continue // nobody is there any more, and the assignment says so
		}
		if p.former[name], err = last.assignment(name, ""); err != nil {
			return err
		}
	}
	return nil
}

// ruledAlike reports whether both are of one set of rules.
func (p *page) ruledAlike(last *page) bool {
	return slices.EqualFunc(p.choices, last.choices, func(a, b choice) bool { return a.rule == b.rule })
}

// offers reports whether a cluster is that of a route of this page's own rules.
func (p *page) offers(name string) bool {
	return name == p.service || slices.ContainsFunc(p.choices, func(c choice) bool { return c.cluster == name })
}

// met are the rules that requests may take.
func (p *page) met() (list []*rules.Route) {
	for i := range p.choices {
		if c := &p.choices[i]; c.met && c.rule != nil {
			list = append(list, c.rule)
		}
	}
	return list
}

// maxTables bounds the routes that are kept for clients whose labels differ.
const maxTables = 256

// table is the routes as a client is told them.
func (p *page) table(c *client) (*resource, error) {
	key := c.key(p.labels, p.zone)
	if p.before != nil {
		return made(p.service, p.announcement(c))
	}
	if known := p.tables[key]; known != nil {
		return known, nil
	}
	said, _ := routeConfiguration(p, c)
	out, err := made(p.service, said)
	if err != nil {
		return nil, err
	}
	if len(p.tables) < maxTables {
		p.tables[key] = out
	}
	return out, nil
}
