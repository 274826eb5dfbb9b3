package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/datasets"
)

// question is when to ask, in the recording's time.
type question struct {
	phase string
	at    time.Time
}

// questions are ten, around a fault: three before it, four during, three after.
func questions(f datasets.Fault) []question {
	length := f.End.Sub(f.Start)
	during := func(part float64) time.Time { return f.Start.Add(time.Duration(part * float64(length))) }
	return []question{
		{"before", f.Start.Add(-30 * time.Second)}, {"before", f.Start.Add(-20 * time.Second)}, {"before", f.Start.Add(-10 * time.Second)},
		{"during", during(0.25)}, {"during", during(0.5)}, {"during", during(0.75)}, {"during", during(1)},
		{"after", f.End.Add(20 * time.Second)}, {"after", f.End.Add(40 * time.Second)}, {"after", f.End.Add(60 * time.Second)},
	}
}

// interview asks the daemon ten times for a decision and prints the answers.
// It fails unless the faulty endpoint's weight at least halves.
func interview(ctx context.Context, out io.Writer, address string, f datasets.Fault) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	router := fairwayv1.NewRouterClient(connection)
	watch, err := router.Watch(ctx, &fairwayv1.WatchRequest{Services: []string{f.Service}}, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "fault: %s of %s/%s, severity %.3g, from %s for %s\n\n", f.Kind, f.Service, f.Endpoint, f.Severity,
		f.Start.Format("15:04:05"), f.End.Sub(f.Start).Round(time.Second))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "phase\tdecided at\tpicked\tweight of %s\tsource\tpolicy\twhy\n", f.Endpoint)
	before, least := 0.0, 1.0
	for _, q := range questions(f) {
		if err := waitFor(watch, q.at); err != nil {
			return fmt.Errorf("wait for the decision of %s: %w", q.at.Format(time.RFC3339), err)
		}
		request := &fairwayv1.DecideRequest{Service: f.Service, Method: "GET", Path: "/", WantWeights: true}
		decision, err := router.Decide(ctx, request)
		if err != nil {
			return err
		}
		explanation, err := router.Explain(ctx, request)
		if err != nil {
			return err
		}
		weight := weightOf(decision, f.Endpoint)
		switch q.phase {
		case "before":
			before += weight / 3
		case "during":
			least = min(least, weight)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f %%\t%s\t%s\t%s\n", q.phase, decision.GetDecidedAt().AsTime().Format("15:04:05"),
			decision.GetEndpoint().GetName(), 100*weight, decision.GetSource(), decision.GetPolicy(), why(explanation, f.Endpoint))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if least > before/2 {
		return fmt.Errorf("the weight of %s fell from %.1f %% to %.1f %% only; want at most half", f.Endpoint, 100*before, 100*least)
	}
	_, err = fmt.Fprintf(out, "\nthe weight of %s fell from %.1f %% to %.1f %%, in time that the model never saw\n", f.Endpoint, 100*before, 100*least)
	return err
}

// waitFor reads the watch until the weights are those of the given time or
// later.
func waitFor(watch grpc.ServerStreamingClient[fairwayv1.ServiceWeights], at time.Time) error {
	for {
		weights, err := watch.Recv()
		if err != nil {
			return err
		}
		if asOf := weights.GetAsOf(); asOf != nil && !asOf.AsTime().Before(at) {
			return nil
		}
	}
}

func weightOf(d *fairwayv1.Decision, endpoint string) float64 {
	for _, w := range d.GetWeights() {
		if w.GetEndpoint() == endpoint {
			return w.GetWeight()
		}
	}
	return 0
}

// why says what the decision knew of the endpoint.
func why(e *fairwayv1.Explanation, endpoint string) string {
	if reason := e.GetDecision().GetReason(); reason != "" {
		return reason
	}
	for _, view := range e.GetEndpoints() {
		if view.GetEndpoint().GetName() != endpoint {
			continue
		}
		text := ""
		if p := view.GetPrediction(); p != nil {
			text = fmt.Sprintf("expects %s, %.1f %% errors", p.GetMean().AsDuration().Round(time.Millisecond), 100*p.GetErrorRatio())
		}
		if f := view.GetForecast(); f != nil {
			text += fmt.Sprintf(", failing %.0f %%", 100*f.GetFailureProbability())
			if top := f.GetTopMetrics(); len(top) > 0 {
				text += ", strange: " + top[0].GetMetric()
			}
		}
		if view.GetEjected() {
			text += ", ejected"
		}
		return text
	}
	return ""
}
