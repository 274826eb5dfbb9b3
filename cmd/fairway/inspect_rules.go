package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/fairway-mesh/fairway/router/rules"
)

// writeUnmatched lists the endpoints that only the rules or only the metrics
// name, and those that they name differently: a join that fails does so
// silently otherwise.
func writeUnmatched(out io.Writer, file *rules.File, s *seen) {
	fmt.Fprintln(out, "\nrules against metrics")
	matched, named := true, 0
	for i := range file.Services {
		service := &file.Services[i]
		if len(service.Endpoints) == 0 {
			continue
		}
		named += len(service.Endpoints)
		known := s.services[service.Name]
		if known == nil {
			fmt.Fprintf(out, "  %s: no metric names the service; those of the metrics are %s\n", oneLine(service.Name), oneLine(fmt.Sprintf("%q", s.names())))
			matched = false
			continue
		}
		var found []string
		for _, e := range known.endpoints {
			switch ruled := service.Endpoint(e); {
			case ruled == nil:
				fmt.Fprintf(out, "  %s/%s: in the metrics, but not in the rules\n", service.Name, oneLine(e.Name))
				matched = false
			case ruled.Name != e.Name:
				fmt.Fprintf(out, "  %s/%s: in the metrics by its address, %s\n", service.Name, ruled.Name, oneLine(e.Name))
				found = append(found, ruled.Name)
			default:
				found = append(found, ruled.Name)
			}
		}
		for _, e := range service.Endpoints {
			if !slices.Contains(found, e.Name) {
				fmt.Fprintf(out, "  %s/%s: in the rules, but no metric names it; it is served its peers' mean weight\n", service.Name, e.Name)
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
