package fit

import (
	"encoding/json"

	"github.com/fairway-mesh/fairway/replay/finding"
)

type jsonEstimate struct {
	Value finding.Number `json:"value"`
	Error finding.Number `json:"standard_error"`
}

// MarshalJSON implements json.Marshaler; what is not known is null.
func (e Estimate) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonEstimate{finding.Number(e.Value), finding.Number(e.Error)})
}

type jsonEndpoint struct {
	Name     string   `json:"endpoint"`
	Workers  Estimate `json:"workers"`
	Service  Estimate `json:"service_seconds"`
	Capacity Estimate `json:"capacity_per_second"`
	Errors   Estimate `json:"error_ratio"`
	Network  Estimate `json:"network_seconds"`
	Samples  int      `json:"samples"`
	Events   int      `json:"events"`
	Figures  figures  `json:"figures"`
}

type jsonClass struct {
	Name         string         `json:"class"`
	Share        finding.Number `json:"share"`
	Mean         float64        `json:"work_seconds"`
	Distribution string         `json:"distribution"`
	Shape        finding.Number `json:"shape"`
	Distance     finding.Number `json:"distance"`
}

// figures are by name: what was recorded beside what the fitted mesh did.
type figures map[string]jsonComparison

type jsonComparison struct {
	Recorded finding.Number `json:"recorded"`
	Fitted   finding.Number `json:"fitted"`
	Spread   finding.Number `json:"spread"` // standard deviation of the runs
}

func (c *Comparison) figures() figures {
	out := figures{}
	names := []string{"requests", "mean_seconds", "p50_seconds", "p90_seconds", "p99_seconds", "error_ratio", "utilization"}
	recorded, fitted, spread := c.Recorded.figures(), c.Fitted.figures(), c.Spread.figures()
	for i, name := range names {
		out[name] = jsonComparison{finding.Number(*recorded[i]), finding.Number(*fitted[i]), finding.Number(*spread[i])}
	}
	return out
}

// MarshalJSON implements json.Marshaler: the parameters and how well they fit,
// without the scenario. Times are in seconds.
func (f *Fit) MarshalJSON() ([]byte, error) {
	out := struct {
		Verdict   string         `json:"verdict"`
		Why       []string       `json:"why,omitempty"`
		Queue     int            `json:"queue,omitempty"`
		Figures   figures        `json:"figures"`
		Endpoints []jsonEndpoint `json:"endpoints"`
		Classes   []jsonClass    `json:"classes,omitempty"`
	}{Verdict: f.Report.Verdict, Why: f.Report.Why, Queue: f.Queue, Figures: f.Report.All.figures()}
	for i, e := range f.Endpoints {
		row := jsonEndpoint{e.Name, e.Workers, e.Service, e.Capacity, e.Errors, e.Network, e.Samples, e.Events, nil}
		if i < len(f.Report.Endpoints) {
			row.Figures = f.Report.Endpoints[i].figures()
		}
		out.Endpoints = append(out.Endpoints, row)
	}
	for _, c := range f.Report.Classes {
		out.Classes = append(out.Classes, jsonClass{c.Name, finding.Number(c.Share), c.Mean.Seconds(), c.Distribution, finding.Number(c.Shape), finding.Number(c.Distance)})
	}
	return json.Marshal(out)
}
