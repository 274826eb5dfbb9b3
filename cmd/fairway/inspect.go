package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/rules"
)

func newInspectCommand() *cobra.Command {
	var schema, rulesFile string
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "say what a recording or a model holds, which schema fits and what is missing",
		Args:  arguments("a recording, a dump or a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, path := range args {
				if err := inspect(cmd.Context(), cmd.OutOrStdout(), path, schema, rulesFile); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&schema, "schema", "", "schema file or built-in name; without it the one that fits")
	cmd.Flags().StringVar(&rulesFile, "rules", "", "rules file whose endpoints are compared with the metrics'")
	return cmd
}

func inspect(ctx context.Context, out io.Writer, path, schema, rulesFile string) error {
	if model.IsModel(path) {
		m, err := model.Load(path)
		if err != nil {
			return err
		}
		return m.WriteText(out)
	}
	recording, err := datasets.Open(ctx, path, schema)
	if err != nil {
		return err
	}
	defer recording.Close()
	missing, err := prom.Check(ctx, recording.Dump, recording.Schema)
	if err != nil {
		return err
	}
	seen, err := survey(ctx, recording)
	if err != nil {
		return err
	}
	requests, drawn, err := countRequests(recording)
	if err != nil {
		return err
	}
	writeOverview(out, recording, requests, drawn)
	writeSeries(out, recording.Schema, missing, seen)
	writeServices(out, seen)
	if rulesFile == "" {
		return nil
	}
	file, err := rules.Load(rulesFile)
	if err != nil {
		return err
	}
	writeUnmatched(out, file, seen)
	return nil
}

// seen is what the windows of a recording held.
type seen struct {
	services map[string]*seenService
	values   []int // per series of the schema: how many were no NaN
	windows  int
}

type seenService struct {
	endpoints []mesh.Endpoint
	requests  float64
	windows   int // with enough requests to tell shares
	// low and high bound each endpoint's share of the service's requests.
	low, high map[string]float64
}

func survey(ctx context.Context, recording *datasets.Recording) (*seen, error) {
	s := &seen{services: map[string]*seenService{}, values: make([]int, len(recording.Schema.Series))}
	timing := recording.Timing(0, 0)
	timing.Step = max(timing.Step, timing.Range) // windows that do not overlap: no request counts twice
	for w, err := range recording.Windows(ctx, timing) {
		if err != nil {
			return nil, err
		}
		s.add(&w)
	}
	return s, nil
}

func (s *seen) add(w *mesh.Window) {
	s.windows++
	service := s.services[w.Service]
	if service == nil {
		service = &seenService{low: map[string]float64{}, high: map[string]float64{}}
		s.services[w.Service] = service
	}
	service.endpoints = w.Endpoints
	total := 0.0
	for i := range w.Endpoints {
		if !math.IsNaN(w.Requests[i]) {
			total += w.Requests[i]
		}
		for j, x := range w.Row(i) {
			if !math.IsNaN(x) {
				s.values[j]++
			}
		}
	}
	service.requests += total
	if total >= leastRequests {
		service.windows++
	}
	for i, endpoint := range w.Endpoints {
		share := w.Requests[i] / total
		if math.IsNaN(share) || total < leastRequests {
			continue
		}
		if low, ok := service.low[endpoint.Name]; !ok || share < low {
			service.low[endpoint.Name] = share
		}
		service.high[endpoint.Name] = max(service.high[endpoint.Name], share)
	}
}

// leastRequests is how many requests a window needs for its shares to say
// anything.
const leastRequests = 50

// countRequests reads the whole log, to find out now whether it can be read,
// and of how many requests it says how their endpoint was drawn.
func countRequests(r *datasets.Recording) (requests, drawn int, err error) {
	if !r.HasRequests() {
		return 0, 0, nil
	}
	for request, err := range r.Requests() {
		if err != nil {
			return requests, drawn, err
		}
		requests++
		if !math.IsNaN(request.Propensity) {
			drawn++
		}
	}
	return requests, drawn, nil
}

func writeOverview(out io.Writer, r *datasets.Recording, requests, drawn int) {
	start, end := r.Dump.Span()
	t := r.Timing(0, 0)
	fmt.Fprintf(out, "recording  %s\n", r.Path)
	fmt.Fprintf(out, "span       %s to %s (%s), a scrape every %s\n", start.Format(time.RFC3339), end.Format(time.RFC3339), end.Sub(start).Round(time.Second), r.Manifest.ScrapeInterval())
	fmt.Fprintf(out, "schema     %s; a window of %s every %s\n", r.Schema.Name, t.Range, t.Step)
	if r.Manifest.MadeBy != "" {
		fmt.Fprintf(out, "made by    %s, seed %d\n", r.Manifest.MadeBy, r.Manifest.Seed)
	}
	for _, note := range r.Manifest.Notes {
		fmt.Fprintf(out, "note       %s\n", note)
	}
	if r.HasRequests() {
		fmt.Fprintf(out, "requests   %d in the log, %d of them with the probability of their endpoint\n", requests, drawn)
	}
	if len(r.Faults) > 0 {
		kinds := map[string]int{}
		for _, f := range r.Faults {
			kinds[f.Kind]++
		}
		var parts []string
		for kind, n := range kinds {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
		slices.Sort(parts)
		fmt.Fprintf(out, "faults     %d injected: %s\n", len(r.Faults), strings.Join(parts, ", "))
	}
}

func writeSeries(out io.Writer, schema *mesh.Schema, missing []prom.Missing, s *seen) {
	fmt.Fprintln(out, "\nseries")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for j, series := range schema.Series {
		fmt.Fprintf(t, "  %s\t%s\t%d values%s\n", series.Name, series.Unit, s.values[j], remark(series.Name, s.values[j], missing))
	}
	for _, name := range canonical {
		if schema.Index(name) < 0 {
			fmt.Fprintf(t, "  %s\t\tnot in the schema: the features made of it are unknown\n", name)
		}
	}
	t.Flush()
}

// remark says why a series may have fewer values than it could.
func remark(series string, values int, missing []prom.Missing) string {
	text := ""
	for _, m := range missing {
		if m.Series != series {
			continue
		}
		text += "; no metric " + m.Metric
		if len(m.Suggestions) > 0 {
			text += ", but " + strings.Join(m.Suggestions, ", ")
		}
	}
	if text == "" && values == 0 {
		return "; its metrics exist, its query finds nothing: a rate needs two scrapes within the schema's range"
	}
	return text
}

// canonical are the series that features are made of.
var canonical = []string{mesh.RequestRate, mesh.ErrorRatio, mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99,
	mesh.InFlight, mesh.Utilization, mesh.CPU, mesh.Memory, mesh.Up, mesh.Age}

func writeServices(out io.Writer, s *seen) {
	fmt.Fprintln(out, "\nservices")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range s.names() {
		service := s.services[name]
		fmt.Fprintf(t, "  %s\t%d endpoints\t%.0f requests\t%s\n", oneLine(name), len(service.endpoints), service.requests, service.verdict())
		for _, e := range service.endpoints {
			place := strings.Trim(strings.Join([]string{e.Subset, e.Zone, e.Address}, " "), " ")
			shares := ""
			if high, ok := service.high[e.Name]; ok && len(service.endpoints) > 1 {
				shares = fmt.Sprintf("share %.1f to %.1f %%", 100*service.low[e.Name], 100*high)
			}
			fmt.Fprintf(t, "    %s\t%s\t%s\t\n", oneLine(e.Name), oneLine(place), shares)
		}
	}
	t.Flush()
}

// oneLine keeps the line breaks and tabs of a name from breaking a table.
func oneLine(name string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`, "\f", `\f`).Replace(name)
}

// fixedShare is the spread of an endpoint's shares, in points, below which a
// history says nothing about load: what sampling alone can bring about.
const fixedShare = 0.05

// verdict says what a network could learn from the service's history.
func (s *seenService) verdict() string {
	if len(s.endpoints) < 2 {
		return "no choice: one endpoint"
	}
	if len(s.high) == 0 || s.windows < 2 {
		return "too few requests to tell shares"
	}
	for name, high := range s.high {
		if high-s.low[name] > fixedShare {
			return "shares vary"
		}
	}
	return "load effect not identifiable: the shares never varied"
}

func (s *seen) names() []string {
	var names []string
	for name := range s.services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// writeUnmatched lists the endpoints that only the rules or only the metrics
// name: a join that fails does so silently otherwise.
func writeUnmatched(out io.Writer, file *rules.File, s *seen) {
	fmt.Fprintln(out, "\nrules against metrics")
	matched, named := true, 0
	for _, service := range file.Services {
		named += len(service.Endpoints)
		inMetrics := map[string]bool{}
		if known := s.services[service.Name]; known != nil {
			for _, e := range known.endpoints {
				inMetrics[e.Name] = true
			}
		}
		for _, e := range service.Endpoints {
			if !inMetrics[e.Name] {
				fmt.Fprintf(out, "  %s/%s: in the rules, but no metric names it\n", service.Name, e.Name)
				matched = false
			}
			delete(inMetrics, e.Name)
		}
		if len(service.Endpoints) > 0 {
			for _, name := range slices.Sorted(maps.Keys(inMetrics)) {
				fmt.Fprintf(out, "  %s/%s: in the metrics, but not in the rules\n", service.Name, name)
				matched = false
			}
		}
	}
	switch {
	case named == 0:
		fmt.Fprintln(out, "  the rules name no endpoints: those of the metrics are used")
	case matched:
		fmt.Fprintln(out, "  every endpoint of the rules is in the metrics, and the reverse")
	}
}
