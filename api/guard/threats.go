package guard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// openJudge makes the judge, and the metrics of what it would have refused.
func (g *Guard) openJudge(access Access, reg prometheus.Registerer, log *slog.Logger) (err error) {
	access.settle()
	cfg := threat.DefaultConfig()
	cfg.Rate = access.Limits.Rate
	if log != nil {
		cfg.Log = log
	}
	if g.judge, err = threat.New(cfg, access.Threats, reg); err != nil {
		return err
	}
	g.shortLived.Store(int64(access.Threats.ShortLived))
	would := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_threat_would_refuse_total",
		Help: "Messages of callers whose threat level is raised that were let pass, since threats are only told, by the reason they would have been refused for.",
	}, []string{"reason"})
	g.would = map[string]prometheus.Counter{}
	for _, reason := range []string{highThreat, longLived, rateExceeded} {
		g.would[reason] = would.WithLabelValues(reason)
	}
	reg.MustRegister(would)
	return nil
}

// Judge is who says how much callers are to be feared.
func (g *Guard) Judge() *threat.Judge { return g.judge }

// SetThreats puts other settings of threats into force: those of access, by its
// limits' older names too.
func (g *Guard) SetThreats(access Access) error {
	access.Limits.Adaptive = access.Limits.Adaptive && g.limits.Adaptive
	access.settle()
	if err := g.judge.SetSettings(access.Threats); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	g.shortLived.Store(int64(access.Threats.ShortLived))
	return nil
}

// attach gives a caller its subject, as soon as the judge has a place. Who calls without a certificate has none:
// Local and Anonymous are many, and none of them is judged for another. Limits
// hold for them as for all.
func (g *Guard) attach(c *caller) {
	if c.name == Local || c.name == Anonymous {
		return
	}
	if had := c.subject.Load(); had == nil || g.judge.Unjudged(had) {
		c.subject.Store(g.judge.Subject(c.name))
	}
}

// note tells the subject which services a message asks about.
func note(s *threat.Subject, message any) {
	if s == nil {
		return
	}
	if in, most := message.(*fairwayv1.DecideRequest); most { // one comparison, where the switch is a search
		s.Asked(in.Service)
		return
	}
	switch in := message.(type) {
	case *fairwayv1.OutcomeReport:
		s.Asked(in.Service)
	case *fairwayv1.DecideBatchRequest:
		for _, r := range in.Requests {
			s.Asked(r.GetService())
		}
	case *fairwayv1.WatchRequest:
		noteAll(s, in.Services)
	case *fairwayv1.ForecastRequest:
		noteAll(s, in.Services)
	}
}

// noteAll notes services of which none means all: one more question, not as many
// as there are services.
func noteAll(s *threat.Subject, services []string) {
	if len(services) == 0 {
		s.Asked("*")
	}
	for _, service := range services {
		s.Asked(service)
	}
}

// backdated is how much longer a certificate may be valid than it is said to live:
// authorities date it back, for clocks that are behind.
const backdated = 10 * time.Minute

// tightened is the reason for which a caller of that tier may not call a method;
// empty where it may. Health is told to all: it says nothing.
func (g *Guard) tightened(who *Peer, tier threat.Tier, method string) string {
	switch {
	case strings.HasPrefix(method, "/grpc.health."):
	case tier.Level() == threat.High && !(tier.Quarantined() && bareMethods[method]):
		return highThreat
	case tier.Level() >= threat.Medium && int64(who.Life-backdated) > g.shortLived.Load():
		return longLived
	}
	return ""
}

// tighten refuses a message of a caller whose level is raised, or tells that it
// would have.
func (g *Guard) tighten(who *Peer, tier threat.Tier, method string) error {
	reason := g.tightened(who, tier, method)
	switch {
	case reason == "":
		return nil
	case !tier.Enforced():
		g.would[reason].Inc()
		return nil
	}
	who.caller.turned.Add(1)
	g.refused[reason].Inc()
	text := fmt.Sprintf("%s is refused for what it did; an operator can see why at /threats of the admin port", who.Identity)
	if reason == longLived {
		text = fmt.Sprintf("%s is suspect for what it did, and its certificate is valid for %v; show one of at most %v", who.Identity, who.Life, time.Duration(g.shortLived.Load()))
	}
	return refusal(codes.PermissionDenied, reason, text, map[string]string{"identity": who.Identity, "method": method})
}

// bareMethods are what a high threat in quarantine is answered: decisions without
// an endpoint, as for a service of which no endpoint is known, so that a proxy
// balances by itself. Everything else is refused: a Watch, which would empty the
// proxy's table, forecasts and explanations, which are about endpoints, reports,
// which others would be routed by, and what proxies' own protocols ask.
var bareMethods = map[string]bool{
	fairwayv1.Router_Decide_FullMethodName: true, fairwayv1.Router_DecideBatch_FullMethodName: true, fairwayv1.Router_Route_FullMethodName: true,
}

// Bare is an answer as the caller may have it: to a high threat in quarantine
// without endpoints, to others as it is.
func (g *Guard) Bare(ctx context.Context, out any) any {
	who := from(ctx)
	if who == nil {
		return out
	}
	return bare(who.caller.subject.Load().Tier(), out)
}

func bare(tier threat.Tier, out any) any {
	if tier.Level() < threat.High || !tier.Enforced() {
		return out
	}
	switch full := out.(type) {
	case *fairwayv1.Decision:
		return withoutEndpoint(full)
	case *fairwayv1.DecideBatchResponse:
		all := &fairwayv1.DecideBatchResponse{}
		for _, d := range full.Decisions {
			all.Decisions = append(all.Decisions, withoutEndpoint(d))
		}
		return all
	}
	return out
}

// withoutEndpoint copies: decisions are shared.
func withoutEndpoint(full *fairwayv1.Decision) *fairwayv1.Decision {
	d := proto.CloneOf(full)
	d.Endpoint, d.Weights, d.Propensity = &fairwayv1.Endpoint{}, nil, 0
	return d
}
