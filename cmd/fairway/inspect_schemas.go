package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// whatFits tries the built-in schemas on a recording, and its own.
func whatFits(ctx context.Context, r *datasets.Recording) (*prom.Recognition, error) {
	if r.Recognition != nil {
		return r.Recognition, nil
	}
	start, end := r.Dump.Span()
	schemas := []*mesh.Schema{r.Schema}
	for _, name := range prom.Builtins() {
		if s, _ := prom.Builtin(name); s.Hash() != r.Schema.Hash() {
			schemas = append(schemas, s)
		}
	}
	return prom.Recognise(ctx, r.Dump, start, end, schemas...)
}

// writeSchemas says which schemas fit each service, and what each of them does
// not tell.
func writeSchemas(out io.Writer, taken *mesh.Schema, r *prom.Recognition) {
	byService := map[string][]string{}
	var schemas []string
	for _, f := range r.Fits {
		names := f.Names()
		if len(names) == 0 {
			continue
		}
		never := untold(f, names)
		schemas = append(schemas, fmt.Sprintf("  %s\t%s%s\n", called(f.Schema, taken), f.Schema.Help, not("; does not tell ", never)))
		for _, name := range names {
			byService[name] = append(byService[name], describe(f, name, called(f.Schema, taken), never))
		}
	}
	fmt.Fprintln(out, "\nwhat fits (* is taken)")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(byService)) {
		fmt.Fprintf(t, "  %s\t%s\n", oneLine(name), strings.Join(byService[name], "; "))
	}
	t.Flush()
	for _, name := range slices.Sorted(maps.Keys(byService)) {
		if ofAllPods(name) {
			fmt.Fprintf(out, "  note: %s is the usual name of a scrape of all pods, not of one service; unless its endpoints are replicas of one another, give a schema with another label for the service\n", oneLine(name))
		}
	}
	if len(schemas) == 0 {
		fmt.Fprintln(out, "  no schema tells the request rate of any service")
		return
	}
	fmt.Fprintln(out, "\nschemas that fit")
	for _, line := range schemas {
		fmt.Fprint(t, line)
	}
	t.Flush()
}

// ofAllPods reports whether a service is called like the scrape of everything
// in Prometheus' own examples and charts, or like a collector: what answers
// there need not be one service.
func ofAllPods(service string) bool {
	job := service[strings.LastIndexByte(service, '/')+1:]
	return slices.Contains([]string{"kubernetes-pods", "kubernetes-pods-slow", "kubernetes-service-endpoints", "kubernetes-service-endpoints-slow", "otel-collector", "opentelemetry-collector"}, job)
}

func called(s, taken *mesh.Schema) string {
	if s.Name == taken.Name {
		return s.Name + "*"
	}
	return s.Name
}

// describe says what one schema tells of one service: `never` holds for all.
func describe(f *prom.Fit, service, name string, never []string) string {
	s := f.Services[service]
	var more []string
	for _, series := range untold(f, []string{service}) {
		if !slices.Contains(never, series) {
			more = append(more, series)
		}
	}
	return fmt.Sprintf("%s (%s, %d of %d series%s)", name, places(f.Schema, s), s.Tells(), len(mesh.Canonical), not("; here not ", more))
}

// places says how many of what the schema tells apart.
func places(schema *mesh.Schema, s *prom.FittedService) string {
	if schema.Level == mesh.ServiceLevel {
		return "no endpoints"
	}
	return plural(len(s.Endpoints), placeOf(schema.Level))
}

// placeOf is what the endpoints of a level are.
func placeOf(level mesh.Level) string {
	if level == mesh.WorkloadLevel {
		return "workload"
	}
	return "endpoint"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// untold names the series that none of the services has.
func untold(f *prom.Fit, services []string) []string {
	var names []string
	for _, series := range mesh.Canonical {
		if !slices.ContainsFunc(services, func(name string) bool { return f.Services[name].Series[series] > 0 }) {
			names = append(names, series)
		}
	}
	return names
}

func not(prefix string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return prefix + strings.Join(names, ", ")
}
