package api

import (
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/journal"
)

// sampled reports whether a pick or an outcome is kept. Its random number is
// one of its own: by that which drew the endpoint, the sample would be of some
// endpoints only.
func (s *Server) sampled() bool {
	return s.cfg.Journal != nil && s.cfg.Journal.Sampled(s.dice.roll())
}

// journal keeps a sampled pick.
func (s *Server) journal(service string, req *mesh.Request, a *router.Answer) {
	if a.Endpoint < 0 || !s.sampled() {
		return
	}
	s.cfg.Journal.Append(&journal.Entry{
		Kind: journal.Pick, Time: s.metrics.clock(), Service: service,
		Line: string(a.Line), Model: a.Model, Rules: a.RulesVersion, Table: a.TableVersion,
		Class: req.Class, Method: req.Method, Path: req.Path, Route: a.Route,
		Endpoint: a.Endpoints[a.Endpoint].Name, Propensity: a.Propensity,
	})
}
