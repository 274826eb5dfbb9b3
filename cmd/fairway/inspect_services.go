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

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// seen is what the windows of a recording held.
type seen struct {
	services map[string]*seenService
	values   []int // per series of the schema: how many were no NaN
	windows  int
}

type seenService struct {
	endpoints []mesh.Endpoint // that any window had, as last seen, by name
	now       []mesh.Endpoint // of the last window
	most      int             // endpoints at a time
	requests  float64
	shares    *shares
}

func survey(ctx context.Context, recording *datasets.Recording) (*seen, error) {
	s := &seen{services: map[string]*seenService{}, values: make([]int, len(recording.Schema.Series))}
	timing := recording.Timing(0, 0)
	timing.Step = max(timing.Step, timing.Range) // windows that do not overlap: no request counts twice
	for w, err := range recording.Windows(ctx, timing) {
		if err != nil {
			return nil, err
		}
		s.add(&w, covered(timing))
	}
	return s, nil
}

// glimpse is what one scrape tells: endpoints, no numbers.
func glimpse(schema *mesh.Schema, r *prom.Recognition) *seen {
	s := &seen{services: map[string]*seenService{}}
	for _, f := range r.Fits {
		if f.Schema.Name != schema.Name {
			continue
		}
		for _, name := range f.Names() {
			service := &seenService{shares: newShares()}
			for _, endpoint := range f.Services[name].Endpoints {
				service.meet(mesh.Endpoint{Name: endpoint})
			}
			s.services[name] = service
		}
	}
	return s
}

// covered is the part of a window's span that lies between its first and last
// sample, on average.
func covered(t mesh.Timing) float64 {
	return max(0.5, 1-t.Delay.Seconds()/t.Range.Seconds())
}

func (s *seen) add(w *mesh.Window, covered float64) {
	s.windows++
	service := s.services[w.Service]
	if service == nil {
		service = &seenService{shares: newShares()}
		s.services[w.Service] = service
	}
	service.now, service.most = w.Endpoints, max(service.most, len(w.Endpoints))
	for i, e := range w.Endpoints {
		service.meet(e)
		if !math.IsNaN(w.Requests[i]) {
			service.requests += w.Requests[i]
		}
		for j, x := range w.Row(i) {
			if !math.IsNaN(x) {
				s.values[j]++
			}
		}
	}
	service.shares.add(w, covered)
}

// meet remembers an endpoint, in the order of names.
func (s *seenService) meet(e mesh.Endpoint) {
	i, known := slices.BinarySearchFunc(s.endpoints, e, func(a, b mesh.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	if known {
		s.endpoints[i] = e
		return
	}
	s.endpoints = slices.Insert(s.endpoints, i, e)
}

func writeServices(out io.Writer, level mesh.Level, s *seen) {
	fmt.Fprintln(out, "\nservices")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range s.names() {
		service := s.services[name]
		if level == mesh.ServiceLevel {
			fmt.Fprintf(t, "  %s\t%.0f requests\tno choice: no endpoint is named\n", oneLine(name), service.requests)
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\t%.0f requests\t%s\n", oneLine(name), plural(service.most, placeOf(level)), service.requests, service.shares.verdict(service.most))
		for _, e := range service.now {
			place := strings.Trim(strings.Join([]string{e.Subset, e.Zone, e.Address}, " "), " ")
			fmt.Fprintf(t, "    %s\t%s\t%s\n", oneLine(e.Name), oneLine(place), service.share(e.Name))
		}
		if gone := len(service.endpoints) - len(service.now); gone > 0 {
			fmt.Fprintf(t, "    and %d that were there before\n", gone)
		}
	}
	t.Flush()
}

func (s *seenService) share(endpoint string) string {
	p := s.shares.endpoints[endpoint]
	if p == nil || !p.enoughRequests || s.most < 2 {
		return ""
	}
	return fmt.Sprintf("share %.1f to %.1f %%", 100*p.low, 100*p.high)
}

// oneLine keeps the line breaks and tabs of a name from breaking a table.
func oneLine(name string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`, "\f", `\f`).Replace(name)
}

func (s *seen) names() []string { return slices.Sorted(maps.Keys(s.services)) }
