package rules

import (
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// Endpoint returns the endpoint of the rules that the metrics mean: the one of
// the same name, or else the one with the address that the metrics name it by
// or give it. Nil when the rules know none.
func (s *Service) Endpoint(seen mesh.Endpoint) *Endpoint {
	for i := range s.Endpoints {
		if s.Endpoints[i].Name == seen.Name {
			return &s.Endpoints[i]
		}
	}
	for i := range s.Endpoints {
		if a := s.Endpoints[i].Address; a != "" && (a == seen.Name || a == seen.Address) {
			return &s.Endpoints[i]
		}
	}
	return nil
}

// Identify calls the endpoints of a window by the names that the rules give
// them. Two endpoints of the metrics that are one of the rules become one: what
// the first of them does not know is taken from the other, and of what both
// know the one with the rules' own name is believed.
func (s *Set) Identify(w *mesh.Window) {
	if s == nil {
		return
	}
	service := s.Service(w.Service).Service
	var names []string // made where one differs: mostly none does
	for i, e := range w.Endpoints {
		known := service.Endpoint(e)
		if known == nil || known.Name == e.Name {
			continue
		}
		if names == nil {
			names = make([]string, len(w.Endpoints))
			for j := range names {
				names[j] = w.Endpoints[j].Name
			}
		}
		names[i] = known.Name
	}
	if names != nil {
		Rename(w, names)
	}
}

// Rename gives the endpoints of w other names, and the order of those. Two of one name
// become one, as Identify says.
func Rename(w *mesh.Window, names []string) {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := strings.Compare(names[a], names[b]); c != 0 {
			return c
		}
		switch { // the one that had the name already comes first
		case w.Endpoints[a].Name == names[a]:
			return -1
		case w.Endpoints[b].Name == names[b]:
			return 1
		}
		return 0
	})
	old := *w
	w.Endpoints, w.Values, w.Requests = nil, nil, nil
	for _, i := range order {
		e := old.Endpoints[i]
		e.Name = names[i]
		row, requests := old.Row(i), math.NaN()
		if old.Requests != nil {
			requests = old.Requests[i]
		}
		if n := len(w.Endpoints); n > 0 && w.Endpoints[n-1].Name == e.Name {
			merge(w, &e, row, requests)
			continue
		}
		w.Endpoints = append(w.Endpoints, e)
		w.Values = append(w.Values, row...)
		if old.Requests != nil {
			w.Requests = append(w.Requests, requests)
		}
	}
}

// merge fills what the last endpoint of w does not know.
func merge(w *mesh.Window, e *mesh.Endpoint, row []float64, requests float64) {
	n := len(w.Endpoints) - 1
	last := w.Row(n)
	for j, v := range row {
		if math.IsNaN(last[j]) {
			last[j] = v
		}
	}
	if w.Requests != nil && math.IsNaN(w.Requests[n]) {
		w.Requests[n] = requests
	}
	known := &w.Endpoints[n]
	for _, field := range [][2]*string{{&known.Address, &e.Address}, {&known.Subset, &e.Subset}, {&known.Zone, &e.Zone}} {
		if *field[0] == "" {
			*field[0] = *field[1]
		}
	}
}
