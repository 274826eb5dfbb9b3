package api

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
)

// examples is how many services a note names.
const examples = 3

// Explain implements the Router service.
func (s *Server) Explain(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Explanation, error) {
	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	req, err := s.cfg.read(in, alone)
	if err != nil {
		return nil, err
	}
	look := s.table.Look()
	routes := look.Load(in.Service)
	if !s.load.take(len(routes.Endpoints)) {
		return nil, s.busy("Explain")
	}
	defer s.load.give(len(routes.Endpoints))
	answer := routes.Decide(&req, s.dice.roll())
	decision := new(said).say(&answer, in.Service)
	decision.Weights = weighed(routes, &req)
	out := &fairwayv1.Explanation{
		Decision:  decision,
		Endpoints: s.views(routes),
		Notes:     slices.Clone(routes.Notes),
	}
	for _, step := range routes.Explain(&req) {
		out.Rules = append(out.Rules, &fairwayv1.Explanation_RuleTried{Route: step.Route, Matched: step.Matched, Why: step.Why})
	}
	if d := routes.Decision; d != nil {
		out.Policies, out.Notes = s.policies(d), append(out.Notes, d.Notes...)
	}
	if routes.Service == "" { // nobody's
		if so := look.Namesakes(in.Service); len(so) > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%d services are called so, and the name means none of them: ask for %s", len(so), strings.Join(so[:min(len(so), examples)], ", or ")))
		}
	}
	return out, nil
}

// views says all that is known of each endpoint of the service.
func (s *Server) views(r *router.Routes) []*fairwayv1.Explanation_EndpointView {
	var out []*fairwayv1.Explanation_EndpointView
	for i := range r.Endpoints {
		view := &fairwayv1.Explanation_EndpointView{Endpoint: endpoint(&r.Endpoints[i])}
		if j := position(r.Decision, view.Endpoint.Name); j >= 0 {
			s.fill(view, r, j)
		} else if against, said := r.Says(view.Endpoint.Name); said {
			view.Health = healthOf(&against)
		}
		out = append(out, view)
	}
	return out
}

// position is the place of the endpoint in the decision, or -1: the rules and
// discovery may know endpoints that no metric names.
func position(d *router.Decision, endpoint string) int {
	if d == nil {
		return -1
	}
	for i := range d.Endpoints {
		if d.Endpoints[i].Name == endpoint {
			return i
		}
	}
	return -1
}

// fill adds what the decision says of its endpoint i.
func (s *Server) fill(view *fairwayv1.Explanation_EndpointView, r *router.Routes, i int) {
	d := r.Decision
	if i < len(d.Weights) {
		view.Weight = d.Weights[i]
	}
	if i < len(d.Predictions) {
		view.Prediction = prediction(&d.Predictions[i])
	}
	if i < len(d.Failures) {
		view.Forecast = s.forecast(r, i)
	}
	view.Ejected = i < len(d.Ejected) && d.Ejected[i]
	if i < len(d.Health) {
		view.Health = healthOf(&d.Health[i])
	}
	if r.Frame == nil || i >= len(r.Frame.Endpoints) {
		return
	}
	view.Features = make(map[string]float64, len(r.Frame.Names))
	for column, x := range r.Frame.Row(i) {
		if x == x { // NaN is unknown
			view.Features[r.Frame.Names[column]] = float64(x)
		}
	}
}

func prediction(p *predict.Prediction) *fairwayv1.Explanation_Prediction {
	out := &fairwayv1.Explanation_Prediction{
		Mean: seconds(p.Mean), P50: seconds(p.P50), P90: seconds(p.P90), P99: seconds(p.P99),
		ErrorRatio: p.ErrorRatio,
	}
	if !math.IsNaN(p.Preference) {
		out.Preference = &p.Preference
	}
	return out
}

// seconds leaves out what is not known.
func seconds(s float64) *durationpb.Duration {
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return nil
	}
	return durationpb.New(time.Duration(s * float64(time.Second)))
}

// policies tells who was asked for the last window: the policy that declined,
// where there is a reason, and the one that answered.
func (s *Server) policies(d *router.Decision) []*fairwayv1.Explanation_PolicyAsked {
	var out []*fairwayv1.Explanation_PolicyAsked
	if d.Reason != "" {
		out = append(out, &fairwayv1.Explanation_PolicyAsked{Policy: s.cfg.Policy, Reason: string(d.Reason)})
	}
	return append(out, &fairwayv1.Explanation_PolicyAsked{Policy: d.Policy, Answered: true})
}
