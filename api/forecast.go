package api

import (
	"context"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
)

// Forecast implements the Router service. Services without a forecast, and
// unknown ones, have no entry.
func (s *Server) Forecast(ctx context.Context, in *fairwayv1.ForecastRequest) (*fairwayv1.ForecastResponse, error) {
	if err := s.cfg.checkServices(in.GetServices()); err != nil {
		return nil, err
	}
	services, look, size := s.services(in.GetServices()), s.table.Look(), 0
	for _, service := range services {
		size += len(look.Load(service).Endpoints)
	}
	if !s.load.take(size) {
		return nil, s.busy("Forecast")
	}
	defer s.load.give(size)
	out := &fairwayv1.ForecastResponse{}
	for _, service := range services {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		routes := look.Load(service)
		if routes.Decision == nil {
			continue
		}
		for i := range routes.Decision.Failures {
			out.Forecasts = append(out.Forecasts, s.forecast(routes, i))
		}
	}
	return out, nil
}

// maxAhead is the latest time in seconds that is told: a year is beyond any horizon,
// and within what a time.Duration holds.
const maxAhead = 365 * 24 * 3600

// forecast is what the last window said of endpoint i of the decision.
func (s *Server) forecast(r *router.Routes, i int) *fairwayv1.EndpointForecast {
	d := r.Decision
	f := &d.Failures[i]
	out := &fairwayv1.EndpointForecast{
		Service:            r.Service,
		Endpoint:           d.Endpoints[i].Name,
		FailureProbability: f.Probability,
		Low:                f.Low,
		High:               f.High,
		Confidence:         f.Confidence,
		Horizon:            durationpb.New(s.cfg.Horizon),
		AsOf:               timestamp(d.Time),
	}
	if f.Likely && f.Time[0] >= 0 && f.Time[2] <= maxAhead { // not NaN
		after := func(s float64) *timestamppb.Timestamp {
			return timestamppb.New(d.Time.Add(time.Duration(s * float64(time.Second))))
		}
		out.PredictedTime = &fairwayv1.EndpointForecast_PredictedTime{
			P10: after(f.Time[0]), P50: after(f.Time[1]), P90: after(f.Time[2]),
		}
	}
	if i < len(d.Drains) && d.Drains[i].Reason != "" {
		taken := &d.Drains[i]
		out.Drain = &fairwayv1.Drain{Part: taken.Part, Reason: taken.Reason, HeldOut: taken.HeldOut, Propensity: taken.Propensity}
	}
	if r.Frame != nil && i < len(r.Frame.Anomalies) {
		anomaly := &r.Frame.Anomalies[i]
		out.AnomalyScore = anomaly.Score
		for _, top := range anomaly.Strangest(nil) {
			out.TopMetrics = append(out.TopMetrics, &fairwayv1.TopMetric{Metric: top.Series, Surprise: top.Surprise})
		}
	}
	return out
}
