package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/replay/report"
)

// sum sums up a run.
func (t *try) sum(fairway bool, taken *lab.Taken) report.Run {
	deadline, third := t.service.Classes[0].Deadline, t.o.duration/3
	r := report.Run{Name: "the proxy alone"}
	if fairway {
		r.Name = "with fairway"
	}
	faulty := t.fault().Endpoint
	for i, name := range []string{"before", "during", "after"} {
		from, to := taken.Start.Add(time.Duration(i)*third), taken.Start.Add(time.Duration(i+1)*third)
		part := slices.DeleteFunc(slices.Clone(taken.Answers), func(a lab.Answer) bool { return a.At.Before(from) || !a.At.Before(to) })
		r.Phases = append(r.Phases, phaseOf(name, part, third, deadline, faulty, from))
	}
	for _, s := range newTurn(taken, t.o.duration, deadline, faulty).seconds {
		r.P50, r.P99 = append(r.P50, percentile(s.took, 50)), append(r.P99, percentile(s.took, 99))
		r.Share = append(r.Share, s.degraded)
	}
	return r
}

func phaseOf(name string, answers []lab.Answer, length, deadline time.Duration, faulty string, from time.Time) report.Phase {
	whole := newTurn(&lab.Taken{Start: from, Answers: answers}, length, deadline, faulty)
	counts := map[string]float64{}
	for _, a := range answers {
		if a.Endpoint != "" {
			counts[a.Endpoint]++
		}
	}
	return report.Phase{
		Name: name, Requests: len(answers), Failed: whole.failed,
		P50: percentile(whole.took, 50), P90: percentile(whole.took, 90), P99: percentile(whole.took, 99), Share: shareOf(counts, faulty),
	}
}

// tell writes the table, and the page where one is asked for.
func (t *try) tell(runs []report.Run) error {
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	faulty := t.fault().Endpoint
	fmt.Fprintf(w, "fault\t\trequests\tfailed\tp50 ms\tp90 ms\tp99 ms\tto %s %%\t\n", faulty)
	for k := range runs[0].Phases {
		for _, r := range runs {
			p := &r.Phases[k]
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t\n", p.Name, r.Name, p.Requests, p.Failed, 1e3*p.P50, 1e3*p.P90, 1e3*p.P99, 1e2*p.Share)
		}
	}
	if err := w.Flush(); err != nil || t.o.out == "" {
		return err
	}
	fault := t.fault()
	page := report.BeforeAfter{
		Title:   t.recipe.Proxy + ", before and after",
		What:    fmt.Sprintf("One proxy before ten endpoints, by its own balancing and with fairway. From second %.0f to %.0f, %s is six times as slow.", fault.Start.Seconds(), fault.End().Seconds(), faulty),
		Command: t.o.command(), Faulty: faulty, From: fault.Start.Seconds(), To: fault.End().Seconds(), Runs: runs,
		Method: []string{
			fmt.Sprintf("%.0f in a second at random times, each sent when it is due whatever became of earlier ones; the same in both runs. Latencies count from when a request was due.", t.service.Rate),
			fmt.Sprintf("The service time of %s grows to %.0f times what it is, stays so, and recovers. Four of the ten endpoints are twice as slow all the time.", faulty, trySeverity),
			"One proxy sees all requests, so its own least-connections balancing is hard to beat; where there are many, each sees a part: fairway lab compare. Both runs are one each: no intervals.",
		},
	}
	return writeFile(t.o.out, func(w io.Writer) error { return page.Write(w) })
}
