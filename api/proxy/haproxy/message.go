package haproxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/journal"
)

// decideMessage is the question. Other messages are acknowledged and mean nothing.
const decideMessage = "fairway-decide"

// take answers a frame, or says why there is no going on.
func (c *session) take(f frame) int {
	switch {
	case f.kind == haproxyDisconnect:
		return normal
	case f.kind == unset, f.kind == notify && f.flags&flagFIN == 0:
		return fragmentation
	case f.kind != notify: // unknown frames are skipped
		return going
	}
	start := len(c.out)
	c.out = begin(c.out, ack, f.stream, f.id)
	for r := (fields{rest: f.payload}); r.rest != ""; {
		name, n := r.text(), int(r.byte())
		switch name {
		case decideMessage:
			c.decide(&r, n)
		default:
			for range n {
				r.text()
				r.value()
			}
		}
		if r.bad {
			c.out = c.out[:start]
			return invalid
		}
	}
	c.out = end(c.out, start)
	return going
}

// decide answers a message of n arguments that asks where its request should go. What
// the table has no answer for is left to HAProxy: the variable endpoint is not set.
func (c *session) decide(r *fields, n int) {
	tracked := c.read(r, n)
	if r.bad {
		return
	}
	if c.may != nil && !c.may(c.request.Service) {
		c.told.FailedOpen("not_allowed")
		c.out = setText(c.out, "reason", "not_allowed")
		return
	}
	routes := c.table.Load(c.request.Service)
	if len(routes.Endpoints) == 0 {
		c.told.FailedOpen("unknown_service")
		c.out = setText(c.out, "reason", "unknown_service")
		return
	}
	now, service := c.cfg.Clock(), c.flights.fleet(routes)
	a, to := c.choose(routes, service, &c.request, now)
	if a.Endpoint < 0 {
		c.told.FailedOpen("no_endpoints")
		c.out = setText(c.out, "reason", string(a.Reason))
		return
	}
	if c.out = appendAnswer(c.out, &a); tracked && to != nil {
		c.out = setNumber(c.out, "request", c.flights.begin(service, to, now))
	}
	c.told.Answered()
	if j := c.cfg.Journal; j.Sampled(c.roll()) {
		j.Append(picked(routes.Service, &c.request, &a, now))
	}
}

// appendAnswer sets what a proxy can act on, and what it may want to log.
func appendAnswer(b []byte, a *router.Answer) []byte {
	e := &a.Endpoints[a.Endpoint]
	b = setText(b, "endpoint", e.Name)
	if e.Address != "" {
		b = setText(b, "address", e.Address)
	}
	b = setText(b, "subset", a.Subset)
	b = setText(b, "route", a.Route)
	b = setNumber(b, "timeout", max(0, a.Timeout.Milliseconds()))
	b = setText(b, "source", a.Source.String())
	b = setText(b, "reason", string(a.Reason))
	if a.Propensity > 0 {
		var digits [24]byte
		b = setVariable(b, "propensity")
		text := strconv.AppendFloat(digits[:0], a.Propensity, 'g', 6, 64)
		b = append(appendVarint(append(b, typeString), uint64(len(text))), text...)
	}
	return b
}

// read reads the request that a message tells of, over the one before. tracked is
// whether its end will be told.
func (c *session) read(r *fields, n int) (tracked bool) {
	q := &c.request
	clear(q.Headers)
	clear(q.Source.Labels)
	*q = mesh.Request{Headers: q.Headers, Source: mesh.Source{Labels: q.Source.Labels}}
	for range n {
		name, v := r.text(), r.value()
		switch name {
		case "service":
			q.Service = v.text
		case "method":
			q.Method = v.text
		case "path":
			q.Path = v.text
		case "query":
			q.Query = v.text
		case "host":
			q.Host = v.text
		case "class":
			q.Class = v.text
		case "session":
			q.SessionKey = v.text
		case "zone":
			q.Source.Zone = v.text
		case "headers":
			readHeaders(q.Headers, v.text)
		case "tracked":
			tracked = v.number != 0
		default:
			if header, ok := strings.CutPrefix(name, "header."); ok && v.kind != typeNull {
				q.Headers[strings.ToLower(header)] = v.text
			} else if label, ok := strings.CutPrefix(name, "label."); ok && v.kind != typeNull {
				q.Source.Labels[label] = v.text
			}
		}
	}
	if path, query, cut := strings.Cut(q.Path, "?"); cut { // pathq rather than path
		q.Path, q.Query = path, query
	}
	return tracked
}

// readHeaders reads all of a request's head, as req.hdrs gives it.
func readHeaders(to map[string]string, text string) {
	for line := range strings.SplitSeq(text, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if before, twice := to[name]; twice {
			value = before + "," + value
		}
		to[name] = value
	}
}

// picked is a decision in words of the journal. What the request says is cleared of
// what is not text.
func picked(service string, req *mesh.Request, a *router.Answer, now time.Time) *journal.Entry {
	return &journal.Entry{
		Kind: journal.Pick, Time: now, Service: service,
		Line: string(a.Line), Model: a.Model, Rules: a.RulesVersion, Table: a.TableVersion,
		Class: valid(req.Class), Method: valid(req.Method), Path: valid(req.Path), Route: a.Route,
		Endpoint: a.Endpoints[a.Endpoint].Name, Propensity: a.Propensity,
	}
}

func valid(text string) string { return strings.ToValidUTF8(text, "�") }
