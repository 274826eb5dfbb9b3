package benchmark

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// NezhaReport is how well the faulty pod of an injected fault is found among
// all, 200 s after the fault began: from the recent past alone, without labels.
type NezhaReport struct {
	Faults []Fault
	// Top1, Top3 and Top5 are the shares of faults whose pod is among the first.
	Top1, Top3, Top5 float64
	ByKind           map[string]Hits // by kind of fault: how many pods were first
	// Pod-minutes from 5 min before the first fault to 10 min after the last;
	// positive are those of the faulty pod 30 s to 210 s after the start.
	AUROC, AveragePrecision, Positives float64
}

// Fault is one injected fault and at which place its pod was ranked, from 1.
type Fault struct {
	Service, Kind string
	Start         float64 // Unix seconds
	Rank          int
}

// Hits are how many of so many.
type Hits struct{ Hits, Of int }

const (
	nezhaDecision = 200 // seconds after the start at which the pods are ranked: the end of the naive baseline's window
	nezhaRecent   = 3   // scrapes that are ranked by their mean: a fault lasts as long
	nezhaMemory   = 60  // scrapes: an hour, the naive baseline's
)

// Nezha ranks the pods of every recording (*.om.gz) in a folder. What a pod does
// itself is its CPU and its memory; how it answers are its server latency, its
// success at the entry, the latency of calls into it as both ends see it, and
// what is lost between them. Metrics that a recording does not have are missed.
func Nezha(ctx context.Context, dir string) (NezhaReport, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.om.gz"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: holds no *.om.gz", dir)
	}
	if err != nil {
		return NezhaReport{}, err
	}
	faults, err := readFaults(filepath.Join(dir, "faults.csv"))
	if err != nil {
		return NezhaReport{}, err
	}
	minutes := &podMinutes{}
	for _, path := range paths {
		if err := walkNezha(ctx, path, filepath.Join(dir, "edges.csv"), faults, minutes); err != nil {
			return NezhaReport{}, err
		}
	}
	report := NezhaReport{Faults: faults, ByKind: map[string]Hits{}}
	report.AUROC, report.AveragePrecision = AUROC(minutes.scores, minutes.positive), AveragePrecision(minutes.scores, minutes.positive)
	report.Positives = float64(count(minutes.positive)) / float64(max(len(minutes.positive), 1))
	return report, report.tally()
}

// walkNezha walks one recording twice: by the mean of the newest scrapes, to
// rank at the end of a fault, and by the newest alone, to say which minutes are
// strange.
func walkNezha(ctx context.Context, path, edges string, faults []Fault, minutes *podMinutes) error {
	h, err := openHistory(ctx, path, time.Minute)
	if err != nil {
		return err
	}
	defer h.dump.Close()
	ranked, err := readGraph(ctx, h, edges)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	newest := ranked.again(1)
	for step := range h.steps() {
		suspects := ranked.advance(step)
		for i := range faults {
			if h.last(faults[i].Start+nezhaDecision) == step {
				faults[i].Rank = rank(suspects, ranked.service(faults[i].Service))
			}
		}
		minutes.add(newest.advance(step), newest.services, faults, h.at(step))
	}
	return nil
}

func readFaults(path string) ([]Fault, error) {
	rows, err := table(path, "service", "fault", "start_unix")
	if err != nil {
		return nil, err
	}
	faults := make([]Fault, len(rows))
	for i, row := range rows {
		start, err := strconv.ParseFloat(row["start_unix"], 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: start_unix: %w", path, i+2, err)
		}
		faults[i] = Fault{Service: row["service"], Kind: row["fault"], Start: start}
	}
	return faults, nil
}

// What of the pod-minutes counts, and as what, in seconds from the start of a
// fault, which lasts nezhaFault.
const (
	nezhaBefore, nezhaAfter = 300, 600 // of the first start, and of the last end
	nezhaFault              = 180
	nezhaShown              = 30 // by how much what shows is later than the fault
)

// podMinutes are scores of pods at moments near faults.
type podMinutes struct {
	scores   []float64
	positive []bool
}

func (p *podMinutes) add(suspects []anomaly.Suspect, services []string, faults []Fault, now float64) {
	first, last := math.Inf(1), math.Inf(-1)
	for _, f := range faults {
		first, last = min(first, f.Start-nezhaBefore), max(last, f.Start+nezhaFault+nezhaAfter)
	}
	if now < first || now > last {
		return
	}
	for _, s := range suspects {
		p.scores = append(p.scores, s.Suspicion)
		p.positive = append(p.positive, slices.ContainsFunc(faults, func(f Fault) bool {
			return f.Service == services[s.Index] && now >= f.Start+nezhaShown && now <= f.Start+nezhaFault+nezhaShown
		}))
	}
}

func (r *NezhaReport) tally() error {
	n := float64(len(r.Faults))
	for _, f := range r.Faults {
		if f.Rank == 0 {
			return fmt.Errorf("the %s of %s at %v lies outside every recording", f.Kind, f.Service, f.Start)
		}
		kind := r.ByKind[f.Kind]
		kind.Of++
		if f.Rank == 1 {
			kind.Hits++
			r.Top1 += 1 / n
		}
		if f.Rank <= 3 {
			r.Top3 += 1 / n
		}
		if f.Rank <= 5 {
			r.Top5 += 1 / n
		}
		r.ByKind[f.Kind] = kind
	}
	return nil
}
