package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// ablationRecorded is what a service of a recording would have cost.
type ablationRecorded struct {
	Recording string                `json:"recording"`
	Service   string                `json:"service"`
	Endpoints int                   `json:"endpoints"`
	Rows      []ablationRecordedRow `json:"rows"`
}

// ablationRecordedRow has means over the windows, in seconds and ratios, and how
// the cost differs from the reference's as a part of it.
type ablationRecordedRow struct {
	Name   string           `json:"name"`
	Cost   finding.Estimate `json:"cost_seconds"`
	P99    finding.Estimate `json:"p99_seconds"`
	Errors finding.Estimate `json:"error_ratio"`
}

// recordedReference is what the rows of a recording are compared with where the
// reference of the scenarios asks a model.
const recordedReference = "capacity"

// recorded walks those contestants that go by the name of a policy through
// lab-test, each with the model that learned from lab-train.
func (b *ablationBench) recorded(ctx context.Context) ([]ablationRecorded, error) {
	var out []ablationRecorded
	for _, kind := range model.Kinds() {
		policies, names := recordedPolicies(kind)
		table, err := b.walk(ctx, kind, policies)
		if err != nil {
			return nil, err
		}
		for _, s := range table.Sections {
			if s.Service == "" || kind == model.Fixed5 && s.Endpoints > fixedRoutes {
				continue
			}
			at := sectionOf(&out, table.Recording, &s)
			for _, r := range s.Rows {
				if name := names[r.Policy]; name != "" {
					at.Rows = append(at.Rows, ablationRecordedRow{name, r.Cost, r.P99, r.Errors})
				}
			}
		}
	}
	names := append(ablationNames(), replay.AsRecorded, replay.HindsightBest)
	for i := range out {
		slices.SortStableFunc(out[i].Rows, func(a, b ablationRecordedRow) int {
			return slices.Index(names, a.Name) - slices.Index(names, b.Name)
		})
	}
	return out, nil
}

func sectionOf(all *[]ablationRecorded, recording string, s *replay.Section) *ablationRecorded {
	for i := range *all {
		if (*all)[i].Service == s.Service {
			return &(*all)[i]
		}
	}
	*all = append(*all, ablationRecorded{Recording: filepath.Base(recording), Service: s.Service, Endpoints: s.Endpoints})
	return &(*all)[len(*all)-1]
}

// recordedPolicies are those that are walked with the model of a kind, and what
// they are called in the table; what asks no model is walked with the first.
func recordedPolicies(kind model.Kind) (policies []string, names map[string]string) {
	policies, names = []string{recordedReference}, map[string]string{}
	for _, c := range contestants {
		of := c.model
		if of == "" {
			of = model.Outcome
		}
		if c.make != nil || c.change != nil || of != kind {
			continue
		}
		if names[c.policy] = c.name; c.policy != recordedReference {
			policies = append(policies, c.policy)
		}
	}
	if kind == model.Outcome {
		names[replay.AsRecorded], names[replay.HindsightBest] = replay.AsRecorded, replay.HindsightBest
	}
	return policies, names
}

func (b *ablationBench) walk(ctx context.Context, kind model.Kind, policies []string) (*replay.Table, error) {
	o := replayOptions{recording: filepath.Join(b.o.recordings, "lab-test"), policies: policies, reference: recordedReference, seed: b.o.seed}
	m, recording, err := openFor(ctx, b.o.file(labPrefix+string(kind)), o.recording, "")
	if err != nil {
		return nil, err
	}
	defer recording.Close()
	recording.Cache = openCache(b.log, b.o.cache)
	return judge(ctx, b.log, recording, m, o, &calibration{})
}
