package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
)

func newInspectCommand() *cobra.Command {
	var schema string
	var against against
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "say what a recording or a model holds, which schema fits and what is missing",
		Args:  arguments("a recording, a dump or a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, path := range args {
				if err := inspect(cmd.Context(), cmd.OutOrStdout(), path, schema, against); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&schema, "schema", "", "schema file or built-in name; without it the one that fits")
	cmd.Flags().StringVar(&against.rules, "rules", "", "rules file whose endpoints are compared with the metrics'")
	cmd.Flags().StringVar(&against.discovered, "discovered", "", "file or folder of services that are compared with the metrics': file_sd targets, Kubernetes manifests, kubectl get -o json, or what fairwayd keeps")
	return cmd
}

func inspect(ctx context.Context, out io.Writer, path, schema string, against against) error {
	if model.IsModel(path) {
		m, err := model.Load(path)
		if err != nil {
			return err
		}
		return m.WriteText(out)
	}
	recording, err := datasets.Open(ctx, path, schema)
	var refused *prom.Refusal
	if errors.As(err, &refused) && refused.Coarse != nil { // to look is not to choose
		recording, err = datasets.Open(ctx, path, refused.Coarse.Name)
	}
	if err != nil {
		return err
	}
	defer recording.Close()
	recognised, err := whatFits(ctx, recording)
	if err != nil {
		return err
	}
	if recording.Instant() {
		writeInstant(out, recording)
		writeSchemas(out, recording.Schema, recognised)
		writeMissing(out, recording.Schema, inVain(recording.Schema, recognised, nil))
		return against.compare(out, glimpse(recording.Schema, recognised))
	}
	missing, err := prom.Check(ctx, recording.Dump, recording.Schema)
	if err != nil {
		return err
	}
	requests, drawn, err := countRequests(recording)
	if err != nil {
		return err
	}
	writeOverview(out, recording, requests, drawn)
	writeSchemas(out, recording.Schema, recognised)
	seen, err := survey(ctx, recording)
	if err != nil {
		return err
	}
	writeSeries(out, recording.Schema, missing, fitOf(recording.Schema, recognised).Blind, seen)
	writeMissing(out, recording.Schema, inVain(recording.Schema, recognised, seen.values))
	writeServices(out, recording.Schema.Level, seen)
	return against.compare(out, seen)
}

// against is what the metrics are compared with.
type against struct{ rules, discovered string }

func (a against) compare(out io.Writer, s *seen) error {
	var set *rules.Set
	if a.rules != "" {
		file, _, err := load.Load(a.rules)
		if err != nil {
			return err
		}
		writeUnmatched(out, file, s)
		if set, err = rules.Compile(file); err != nil {
			return err
		}
	}
	if a.discovered == "" {
		return nil
	}
	services, err := readDiscovered(a.discovered)
	if err != nil {
		return err
	}
	compareDiscovered(out, services, set, s)
	return nil
}

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
	fmt.Fprintf(out, "schema     %s: %s; a window of %s every %s\n", r.Schema.Name, r.Schema.Help, t.Range, t.Step)
	if r.Schema.Range > 0 && t.Range > r.Schema.Range {
		fmt.Fprintf(out, "note       a window is of %s, not of the schema's %s: a rate needs two scrapes\n", t.Range, r.Schema.Range)
	}
	writeLevel(out, r.Schema)
	if r.Manifest.MadeBy != "" {
		fmt.Fprintf(out, "made by    %s, seed %d\n", r.Manifest.MadeBy, r.Manifest.Seed)
	}
	for _, note := range r.Notes() {
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

// writeInstant says that there is one scrape and no history.
func writeInstant(out io.Writer, r *datasets.Recording) {
	fmt.Fprintf(out, "scrape     %s\n", r.Path)
	fmt.Fprintf(out, "schema     %s: %s\n", r.Schema.Name, r.Schema.Help)
	writeLevel(out, r.Schema)
	fmt.Fprintf(out, "note       one scrape: names and labels can be told, rates and latencies need a history\n")
}

// writeLevel says what an endpoint is, where it is none.
func writeLevel(out io.Writer, schema *mesh.Schema) {
	switch schema.Level {
	case mesh.WorkloadLevel:
		fmt.Fprintln(out, "level      workloads: an endpoint is all pods of a deployment together")
	case mesh.ServiceLevel:
		fmt.Fprintln(out, "level      services: no endpoint is named, so there is nothing to choose among")
	}
}
