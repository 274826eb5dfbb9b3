package gatewayapi

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// service is one that routes are for.
type service struct {
	name, kind, where string
	parent            string // by way of which its requests come
	routes            []ranked
	session           rules.Balance
	sessionAt         string // where that was written; empty: nowhere
}

// ranked is a route with what decides on its place.
type ranked struct {
	rules.Route
	rank   []int
	age    time.Time // when the object was made; zero: it is not known
	object string    // namespace/name
	short  string    // name
	file   string    // and line, where it is written
	line   int
}

// finish sorts the routes of each service by the Gateway API's precedence: the match
// that is more specific, then the older object, then the one whose namespace/name comes
// first, then the order in which it was written. Most objects in files do not tell when
// they were made; those come after the ones that do.
func (t *translation) finish() []rules.Service {
	var all []rules.Service
	for _, name := range t.order {
		s := t.services[name]
		slices.SortStableFunc(s.routes, func(a, b ranked) int {
			return cmp.Or(slices.Compare(b.rank, a.rank), older(a.age, b.age), strings.Compare(a.object, b.object))
		})
		service := rules.Service{Name: name, Where: s.where, Balance: s.session}
		for _, r := range s.routes {
			service.Routes = append(service.Routes, r.Route)
		}
		unique(service.Routes, s.routes)
		if len(t.errs) == 0 { // else matches may lack what was refused
			t.unreachable(service.Routes, s.routes)
		}
		all = append(all, service)
	}
	return all
}

// older compares times, of which a zero one is the last.
func older(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return cmp.Compare(zero(a), zero(b))
	}
	return a.Compare(b)
}

func zero(t time.Time) int {
	if t.IsZero() {
		return 1
	}
	return 0
}

// unreachable warns of routes that another leaves nothing for.
func (t *translation) unreachable(routes []rules.Route, from []ranked) {
	for _, u := range rules.Unreachable(routes) {
		t.findings = append(t.findings, manifest.Finding{File: from[u.Route].file, Line: from[u.Route].line, Level: manifest.Warning, Text: u.Text})
	}
}

// unique puts the object before names that several objects have given.
func unique(routes []rules.Route, from []ranked) {
	count := map[string]int{}
	for _, r := range routes {
		count[r.Name]++
	}
	for i := range routes {
		if count[routes[i].Name] > 1 {
			routes[i].Name = from[i].short + "." + routes[i].Name
		}
	}
}

// sessionName is that of a cookie or header that has no name.
const sessionName = "fairway-session"

// balance takes a rule's session persistence. It is one for all of a service: a client
// keeps its endpoint whichever rule its request falls under.
func (s *service) balance(o *object, r *rule) {
	if r.session == nil {
		return
	}
	at := r.at.in("sessionPersistence")
	b := o.session(r.session, at)
	switch {
	case s.sessionAt == "":
		s.session, s.sessionAt = b, o.At(at...)
		o.find(manifest.Note, at, "sessionPersistence holds for all requests to service %q, as a hash of the session: who has it keeps an endpoint while that stays and is healthy", s.name)
	case !reflect.DeepEqual(b, s.session):
		o.fail(at, "sessionPersistence of service %q is another one at %s; fairway has one for all rules of a service: write the same", s.name, s.sessionAt)
	}
}

func (o *object) session(p *v1.SessionPersistence, at path) rules.Balance {
	key := rules.HashKey{Of: rules.HashCookie, Name: of(p.SessionName, sessionName)}
	switch kind := of(p.Type, string(v1.CookieBasedSessionPersistence)); kind {
	case string(v1.CookieBasedSessionPersistence):
		key.TTL = o.duration(p.AbsoluteTimeout, at.in("absoluteTimeout"))
	case string(v1.HeaderBasedSessionPersistence):
		key.Of, key.Name = rules.HashHeader, strings.ToLower(key.Name)
	default:
		o.fail(at.in("type"), "type is %q; write Cookie or Header", kind)
	}
	if p.CookieConfig != nil && value(p.CookieConfig.LifetimeType) == v1.PermanentCookieLifetimeType && key.TTL == 0 {
		o.fail(at.in("cookieConfig"), "a permanent cookie needs absoluteTimeout: how long it lives")
	}
	if key.Of == rules.HashCookie && key.TTL == 0 {
		o.find(manifest.Note, at, "left to the proxy: making cookie %q, as no absoluteTimeout says how long it lives", key.Name)
	}
	return rules.Balance{Algorithm: rules.RingHash, Hash: []rules.HashKey{key}}
}
