package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
)

// savedFormat is that of a table's text. Another number is another format.
const savedFormat = "fairway-table 1"

// savedTable is what is kept of a table: what was decided, from which routes can be
// made anew under whichever rules are in force then.
type savedTable struct {
	Format   string         `json:"format"`
	Rules    string         `json:"rules,omitempty"` // version of those in force
	Services []savedService `json:"services"`
}

type savedService struct {
	Service string    `json:"service"`
	Decided time.Time `json:"decided"`
	// Metrics is of when the newest were, zero where there were none; Start and End
	// are the span of the window, Series what was seen in it: criteria ask for that.
	Metrics   time.Time       `json:"metrics,omitzero"`
	Start     time.Time       `json:"start,omitzero"`
	End       time.Time       `json:"end,omitzero"`
	Series    []string        `json:"series,omitempty"`
	Source    Source          `json:"source"`
	Policy    string          `json:"policy,omitempty"`
	Model     string          `json:"model,omitempty"`
	Reason    Reason          `json:"reason,omitempty"`
	Endpoints []savedEndpoint `json:"endpoints"`
}

type savedEndpoint struct {
	mesh.Endpoint
	Weight   float64    `json:"weight"`
	Ejected  bool       `json:"ejected,omitempty"`
	Held     bool       `json:"held,omitempty"`
	Carries  bool       `json:"carries,omitempty"`
	Requests *float64   `json:"requests,omitempty"` // nil: not known
	Values   []*float64 `json:"values,omitempty"`   // of Series
}

// Save returns what this state serves, for ReadSaved; of a trial the former line's.
func (l Look) Save() ([]byte, error) {
	all := savedTable{Format: savedFormat}
	if l.now.set != nil {
		all.Rules = l.now.set.Version()
	}
	for _, name := range l.now.names {
		if r := l.now.services[name]; r.Decision != nil && len(r.Decision.Endpoints) > 0 {
			all.Services = append(all.Services, savedOf(r.Decision, r.Frame))
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("router: saving the table: %w", err)
	}
	return text, nil
}

func savedOf(d *Decision, f *features.Frame) savedService {
	s := savedService{Service: d.Service, Decided: d.Time, Source: d.Source, Policy: d.Policy, Model: d.Model, Reason: d.Reason}
	seen := f != nil && !f.End.IsZero()
	if seen {
		s.Metrics, s.Start, s.End = d.Time.Add(-d.Age), f.Start, f.End
		if f.Schema != nil && len(f.Values) == len(f.Schema.Series)*len(d.Endpoints) {
			for _, series := range f.Schema.Series {
				s.Series = append(s.Series, series.Name)
			}
		}
	}
	for i, e := range d.Endpoints {
		at := savedEndpoint{Endpoint: e, Weight: d.Weights[i], Ejected: d.Ejected[i], Held: i < len(d.Held) && d.Held[i], Carries: i < len(d.Carries) && d.Carries[i]}
		if seen && i < len(f.Requests) {
			at.Requests = sayable(f.Requests[i])
		}
		if len(s.Series) > 0 {
			for _, x := range f.Window.Row(i) {
				at.Values = append(at.Values, sayable(x))
			}
		}
		s.Endpoints = append(s.Endpoints, at)
	}
	return s
}

// sayable is nil for what JSON has no word for.
func sayable(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// ReadSaved returns what a table served that was saved, one decision for each service,
// and the version of its rules then. The times are those of then; what checks and
// forecasts said is not among it.
func ReadSaved(text []byte) (served []Made, rulesVersion string, err error) {
	var all savedTable
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, "", fmt.Errorf("router: this is no saved table: %w", err)
	}
	if all.Format != savedFormat {
		return nil, "", fmt.Errorf("router: a saved table of the format %q; this is %q", all.Format, savedFormat)
	}
	seen := map[string]bool{}
	for i := range all.Services {
		s := &all.Services[i]
		if err := s.check(); err != nil {
			return nil, "", fmt.Errorf("router: saved table: service %q: %w", s.Service, err)
		}
		if seen[s.Service] {
			return nil, "", fmt.Errorf("router: saved table: service %q stands twice", s.Service)
		}
		seen[s.Service] = true
		served = append(served, s.made())
	}
	return served, all.Rules, nil
}

// check refuses what no table of ours says.
func (s *savedService) check() error {
	names := map[string]bool{}
	for _, e := range s.Endpoints {
		switch {
		case e.Name == "" || names[e.Name]:
			return fmt.Errorf("endpoint %q has no name of its own", e.Name)
		case e.Weight < 0:
			return fmt.Errorf("endpoint %q has the weight %v", e.Name, e.Weight)
		case len(e.Values) != len(s.Series):
			return fmt.Errorf("endpoint %q has %d values of %d series", e.Name, len(e.Values), len(s.Series))
		}
		names[e.Name] = true
	}
	switch {
	case s.Service == "" || len(s.Endpoints) == 0:
		return errors.New("it has no name or no endpoints")
	case s.Source > SourceModel:
		return fmt.Errorf("source %d is not known", s.Source)
	case s.Metrics.After(s.Decided) || s.End.After(s.Decided) || s.Start.After(s.End):
		return errors.New("its metrics are of after it was decided")
	case s.Metrics.IsZero() != s.End.IsZero():
		return errors.New("its metrics have half a time")
	}
	return nil
}

func (s *savedService) made() Made {
	slices.SortFunc(s.Endpoints, func(a, b savedEndpoint) int { return strings.Compare(a.Name, b.Name) })
	n := len(s.Endpoints)
	f := &features.Frame{Window: mesh.Window{Service: s.Service, Time: s.Decided, Start: s.Start, End: s.End, Schema: &mesh.Schema{}}}
	for _, name := range s.Series {
		f.Schema.Series = append(f.Schema.Series, mesh.Series{Name: name})
	}
	d := &Decision{
		Service: s.Service, Time: s.Decided, Source: s.Source, Policy: s.Policy, Model: s.Model, Reason: s.Reason,
		Drains: make([]Drain, n), Health: make([]health.Status, n),
	}
	if !s.Metrics.IsZero() {
		d.Age = s.Decided.Sub(s.Metrics)
	}
	for _, e := range s.Endpoints {
		d.Endpoints, d.Weights = append(d.Endpoints, e.Endpoint), append(d.Weights, e.Weight)
		d.Ejected, d.Held, d.Carries = append(d.Ejected, e.Ejected), append(d.Held, e.Held), append(d.Carries, e.Carries)
		f.Requests = append(f.Requests, valueOf(e.Requests))
		for _, x := range e.Values {
			f.Values = append(f.Values, valueOf(x))
		}
	}
	d.Weights.Normalize()
	f.Endpoints = slices.Clone(d.Endpoints)
	return Made{d, f}
}

func valueOf(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}
