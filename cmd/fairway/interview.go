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
	into := func(part float64) time.Time { return f.Start.Add(time.Duration(part * float64(length))) }
	return []question{
		{before, f.Start.Add(-30 * time.Second)}, {before, f.Start.Add(-20 * time.Second)}, {before, f.Start.Add(-10 * time.Second)},
		{during, into(0.25)}, {during, into(0.5)}, {during, into(0.75)}, {during, into(1)},
		{after, f.End.Add(15 * time.Second)}, {after, f.End.Add(30 * time.Second)}, {after, f.End.Add(45 * time.Second)},
	}
}

// The phases of a fault.
const before, during, after = "before", "during", "after"

// interview asks the daemon ten times for a decision, around the first of the
// faults whose endpoint has at least half of an equal share to lose, and
// prints the answers. It fails unless that endpoint's weight at least halves.
func interview(ctx context.Context, out io.Writer, address string, faults []datasets.Fault) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	v := &interviewer{router: fairwayv1.NewRouterClient(connection), out: out}
	for _, f := range faults {
		if told, err := v.visit(ctx, f); told || err != nil {
			return err
		}
	}
	return fmt.Errorf("of %d faults, none is of an endpoint with a weight to lose", len(faults))
}

// interviewer asks and prints.
type interviewer struct {
	router fairwayv1.RouterClient
	out    io.Writer
	now    time.Time // of the last answer
}

// visit asks around a fault. It gives up before it, and says so, when the
// endpoint has next to no weight anyway.
func (v *interviewer) visit(ctx context.Context, f datasets.Fault) (told bool, err error) {
	all := questions(f)
	if all[0].at.Before(v.now) {
		return false, nil // too late to see what was before
	}
	watch, err := v.router.Watch(ctx, &fairwayv1.WatchRequest{Services: []string{f.Service}}, grpc.WaitForReady(true))
	if err != nil {
		return false, err
	}
	var lines []string
	had, least := 0.0, 1.0
	for _, q := range all {
		if err := waitFor(watch, q.at); err != nil {
			return false, fmt.Errorf("wait for the decision of %s: %w", q.at.Format(time.RFC3339), err)
		}
		line, weight, equal, err := v.ask(ctx, f, q.phase)
		if err != nil {
			return false, err
		}
		lines = append(lines, line)
		switch {
		case q.phase == before:
			had += weight / 3
		case q.phase == during && had < equal/2:
			fmt.Fprintf(v.out, "%s of %s/%s at %s: passed over, it gets %.1f %% anyway\n", f.Kind, f.Service, f.Endpoint, f.Start.Format("15:04:05"), 100*had)
			return false, nil
		case q.phase == during:
			least = min(least, weight)
		}
	}
	fmt.Fprintf(v.out, "fault: %s of %s/%s, severity %.3g, from %s for %s\n\n", f.Kind, f.Service, f.Endpoint, f.Severity,
		f.Start.Format("15:04:05"), f.End.Sub(f.Start).Round(time.Second))
	t := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "phase\tdecided at\tpicked\tweight of %s\tsource\tpolicy\twhy\n", f.Endpoint)
	for _, line := range lines {
		fmt.Fprintln(t, line)
	}
	if err := t.Flush(); err != nil {
		return true, err
	}
	if least > had/2 {
		return true, fmt.Errorf("the weight of %s fell from %.1f %% to %.1f %% only; want at most half", f.Endpoint, 100*had, 100*least)
	}
	_, err = fmt.Fprintf(v.out, "\nthe weight of %s fell from %.1f %% to %.1f %%, in time that the model never saw\n", f.Endpoint, 100*had, 100*least)
	return true, err
}

// ask asks once; it returns a line for the table, the endpoint's weight, and
// what that would be if all of the service had the same.
func (v *interviewer) ask(ctx context.Context, f datasets.Fault, phase string) (line string, weight, equal float64, err error) {
	request := &fairwayv1.DecideRequest{Service: f.Service, Method: "GET", Path: "/", WantWeights: true}
	decision, err := v.router.Decide(ctx, request)
	if err != nil {
		return "", 0, 0, err
	}
	explanation, err := v.router.Explain(ctx, request)
	if err != nil {
		return "", 0, 0, err
	}
	v.now, weight = decision.GetDecidedAt().AsTime(), weightOf(decision, f.Endpoint)
	line = fmt.Sprintf("%s\t%s\t%s\t%.1f %%\t%s\t%s\t%s", phase, v.now.Format("15:04:05"),
		decision.GetEndpoint().GetName(), 100*weight, decision.GetSource(), decision.GetPolicy(), why(explanation, f.Endpoint))
	return line, weight, 1 / float64(max(1, len(decision.GetWeights()))), nil
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
		if h := view.GetHealth(); h.GetReason() != "" {
			text += fmt.Sprintf(", %s: %s", h.GetState(), h.GetReason())
		}
		return text
	}
	return ""
}
