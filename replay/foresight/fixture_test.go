package foresight

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/train"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// at is so many seconds after the beginning.
func at(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }

// Rows come every 5 s and a failure must be foretold within 60.
const each5, ahead60 = 5.0, 60.0

// outage of one endpoint of the service svc.
type outage struct {
	endpoint   string
	start, end float64
}

// story is a history made by hand, of the endpoints a and b.
type story struct {
	end     float64
	outages []outage // in order of time
	faults  []datasets.Fault
	actions func(endpoint string, at time.Time) Action
	// says are the forecasters, which know the endpoint and the second.
	says []func(endpoint string, s float64) Forecast
}

func said(score float64) Forecast {
	f := unknown
	f.Score = score
	return f
}

// between says 0.9 of an endpoint in one span of time, and 0.1 else.
func between(endpoint string, from, to float64) func(string, float64) Forecast {
	return func(e string, s float64) Forecast {
		if e == endpoint && s >= from && s < to {
			return said(0.9)
		}
		return said(0.1)
	}
}

// tell calls each with every decision, as a walk through a recording would.
func (s *story) tell(each func(*walk, *row)) *walk {
	var incidents []train.Incident
	for _, o := range s.outages {
		incidents = append(incidents, train.Incident{
			Service: "svc", Start: at(o.start), End: at(o.end), Part: datasets.Test,
			Failures: []train.EndpointFailure{{Endpoint: o.endpoint, Start: at(o.start), End: at(o.end)}},
		})
	}
	w := &walk{
		source: &Source{Name: "story"}, faults: s.faults, actions: map[[2]string][]action{},
		timing:    mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: time.Minute},
		incidents: func() []train.Incident { return incidents },
	}
	if s.actions != nil {
		w.source.Actions = func(_, endpoint string, t time.Time) Action { return s.actions(endpoint, t) }
	}
	endpoints := []string{"a", "b"}
	for t := 0.0; t <= s.end; t += each5 {
		for _, e := range endpoints {
			w.act("svc", e, at(t))
		}
	}
	for t := 0.0; t <= s.end; t += each5 {
		for i, e := range endpoints {
			r := &row{service: "svc", endpoint: e, at: at(t), index: i, endpoints: len(endpoints), fate: s.fate(e, t)}
			for _, says := range s.says {
				for _, name := range endpoints {
					r.forecasts = append(r.forecasts, says(name, t))
				}
			}
			r.acted, r.weight = w.acted("svc", e, at(t))
			each(w, r)
		}
	}
	return w
}

func (s *story) fate(endpoint string, t float64) train.Fate {
	for i, o := range s.outages {
		switch {
		case o.endpoint != endpoint:
		case t >= o.start && t <= o.end+ahead60:
			return train.Fate{}
		case t < o.start && o.start-t <= ahead60:
			return train.Fate{Watched: true, Failed: true, After: at(o.start).Sub(at(t)), Incident: i}
		}
	}
	return train.Fate{Watched: true, After: min(time.Minute, at(s.end).Sub(at(t)))}
}

// ramps notes that every outage comes of one.
func (s *story) ramps() *story {
	for _, o := range s.outages {
		s.faults = append(s.faults, datasets.Fault{Service: "svc", Endpoint: o.endpoint, Kind: "leak", Start: at(o.start - 200), End: at(o.end), Fails: at(o.start)})
	}
	return s
}

// judged judges the story at thresholds of one half; scores are probabilities.
func (s *story) judged() (*Report, Section) {
	cfg := DefaultConfig(time.Minute)
	cfg.Resamples = 300
	j := newJudging(&standard{cfg: &cfg}, 0)
	var names []string
	for range s.says {
		names = append(names, string(rune('A'+len(names))))
		j.chosen, j.mappings = append(j.chosen, chosen{Threshold: 0.5}), append(j.mappings, nil)
	}
	w := s.tell(j.row)
	j.finish(w)
	r := &Report{Names: names, Resamples: cfg.Resamples, Level: cfg.Level, Seed: cfg.Seed}
	r.sum([]Source{{Name: "story"}}, slices.Clone(j.chosen), newCalibration(), []judged{{units: j.units, within: j.within, incidents: len(s.outages)}})
	return r, r.Sections[0]
}
