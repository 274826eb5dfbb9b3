package api

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestShed: where too much is worked on, Decide still answers, with less; what
// costs more is refused and told when to come again; and all is as before once
// there is room.
func TestShed(t *testing.T) {
	s := ruled(t)
	in := &fairwayv1.DecideRequest{Service: "s", WantWeights: true}
	dear := map[string]func() error{
		"DecideBatch": func() error {
			_, err := s.DecideBatch(t.Context(), &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{in}})
			return err
		},
		"Explain":  func() error { _, err := s.Explain(t.Context(), in); return err },
		"Forecast": func() error { _, err := s.Forecast(t.Context(), &fairwayv1.ForecastRequest{}); return err },
	}
	if !s.load.take(s.cfg.MaxInFlight) {
		t.Fatal("an idle server takes nothing")
	}
	if d, err := s.Decide(t.Context(), in); err != nil || d.Endpoint.Name == "" || len(d.Weights) != 0 {
		t.Errorf("under load: %v, %v; want an endpoint without weights", d, err)
	}
	for name, call := range dear {
		st := status.Convert(call())
		if st.Code() != codes.ResourceExhausted || len(st.Details()) != 2 {
			t.Errorf("%s under load: %v", name, st)
			continue
		}
		if retry, ok := st.Details()[0].(*errdetails.RetryInfo); !ok || retry.RetryDelay.AsDuration() <= 0 {
			t.Errorf("%s under load: %v; want when to retry", name, st.Details()[0])
		}
		if why, ok := st.Details()[1].(*errdetails.ErrorInfo); !ok || why.Reason != "OVERLOADED" || why.Domain != domain || why.Metadata["operation"] != name {
			t.Errorf("%s under load: %v", name, st.Details()[1])
		}
	}
	s.load.give(s.cfg.MaxInFlight)
	for name, call := range dear {
		if err := call(); err != nil {
			t.Errorf("%s with room: %v", name, err)
		}
	}
	if d, err := s.Decide(t.Context(), in); err != nil || len(d.Weights) != 2 {
		t.Errorf("with room: %v, %v; want two weights", d, err)
	}
	if left := s.load.now.Load(); left != 0 {
		t.Errorf("%d decisions are still counted as worked on", left)
	}
}

// TestNobodyWaits: no work is done for a call that has ended.
func TestNobodyWaits(t *testing.T) {
	s := ruled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := &fairwayv1.DecideRequest{Service: "s"}
	for name, call := range map[string]func() error{
		"Decide":  func() error { _, err := s.Decide(ctx, in); return err },
		"Explain": func() error { _, err := s.Explain(ctx, in); return err },
		"DecideBatch": func() error {
			_, err := s.DecideBatch(ctx, &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{in}})
			return err
		},
		"Forecast": func() error {
			_, err := s.Forecast(ctx, &fairwayv1.ForecastRequest{Services: []string{"s"}})
			return err
		},
	} {
		if err := call(); status.Code(err) != codes.Canceled {
			t.Errorf("%s gave %v; want Canceled", name, err)
		}
	}
}
