package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// mostListed is how many services are named of which only discovery knows: in a
// cluster there are many that nobody measures.
const mostListed = 10

// compareDiscovered says what the metrics and the services that were discovered do not
// call alike, and what they join by another name.
func compareDiscovered(out io.Writer, services []*discovery.Service, set *rules.Set, s *seen) {
	snapshot := discovery.NewSnapshot(1, services)
	known, _, _ := (*router.Known)(nil).Then(snapshot)
	known.Teach(set)
	members := func(service string) *router.Members { return known.Members(service, set, nil) }
	met := map[string][]mesh.Endpoint{}
	for name, service := range s.services {
		met[name] = service.endpoints
	}
	fmt.Fprintln(out, "\ndiscovery against metrics")
	for _, service := range slices.Sorted(maps.Keys(met)) {
		if name := known.Means(service, set); name != "" && name != service {
			fmt.Fprintf(out, "  %s: discovered as %s\n", oneLine(service), oneLine(name))
		}
		m := members(service)
		for _, e := range met[service] {
			if name := m.Called(e); name != "" && name != e.Name {
				fmt.Fprintf(out, "  %s/%s: in the metrics as %s\n", oneLine(service), oneLine(name), oneLine(e.Name))
			}
		}
	}
	for _, twins := range discovery.AllTwins(snapshot) {
		fmt.Fprintf(out, "  %s\n", oneLine(twins.String()))
	}
	var unmeasured []string
	unjoined := known.Unjoined(set, met, members)
	for _, u := range unjoined {
		name := oneLine(u.Service)
		if u.Endpoint != "" {
			name += "/" + oneLine(u.Endpoint)
		}
		switch {
		case u.Side == router.InMetrics:
			fmt.Fprintf(out, "  %s: in the metrics, but not discovered; %s\n", name, oneLine(known.Why(u, members(u.Service))))
		case u.Endpoint == "":
			unmeasured = append(unmeasured, name)
		default:
			fmt.Fprintf(out, "  %s: discovered, but no metric names it; it is served its peers' mean weight\n", name)
		}
	}
	if n := len(unmeasured); n > mostListed {
		unmeasured = append(unmeasured[:mostListed], fmt.Sprintf("and %d more", n-mostListed))
	}
	switch {
	case len(services) == 0:
		fmt.Fprintln(out, "  nothing is discovered: --discovered names no targets (file_sd), no Services with their EndpointSlices, and no cache of fairwayd (loop-…/cache in its state directory)")
	case len(unmeasured) > 0:
		fmt.Fprintf(out, "  no metrics of %s\n", strings.Join(unmeasured, ", "))
	case len(unjoined) == 0:
		fmt.Fprintln(out, "  every endpoint that is discovered is in the metrics, and the reverse")
	}
}
