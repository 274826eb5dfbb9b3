package lab

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// write puts the recording into dir: what only this process knows before what
// Prometheus has to be asked for, and the manifest last.
func (r *recorder) write(ctx context.Context, dir string) error {
	s := &r.summary
	log := rows(r.loads, s.End)
	r.count(log)
	err := writeFile(dir, "requests.csv.gz", zipped(func(w io.Writer) error { return writeRequests(w, log) }))
	if err != nil {
		return err
	}
	if err := writeFile(dir, "faults.csv", func(w io.Writer) error { return writeFaults(w, s.Faults) }); err != nil {
		return err
	}
	// The last scrape has to be stored before it can be read.
	sleepUntil(ctx, s.End.Add(2*r.mesh.cfg.Scrape))
	err = writeFile(dir, "metrics.om.gz", zipped(func(w io.Writer) (err error) {
		s.Samples, err = dump(ctx, r.mesh.prometheus, s.Start, s.End, w)
		return err
	}))
	if err != nil {
		return err
	}
	return writeFile(dir, "manifest.json", indented(r.manifest()))
}

// count sums up what became of the requests and faults.
func (r *recorder) count(log []row) {
	s := &r.summary
	var sent []time.Duration
	for _, row := range log {
		s.Requests++
		if row.status == 0 || row.status >= 500 {
			s.Failed++
		}
		sent = append(sent, row.sent)
	}
	for i, l := range r.loads {
		s.Broken += int(l.broken.Load())
		s.Faults = append(s.Faults, r.injectors[i].done...)
	}
	slices.SortStableFunc(s.Faults, func(a, b datasets.Fault) int { return a.Start.Compare(b.Start) })
	s.SendDelay, s.Lateness = delayOf(sent), delayOf(r.late)
}

func (r *recorder) manifest() datasets.Manifest {
	s := r.summary
	m := datasets.Manifest{
		Format: datasets.Format, Schema: "lab", Start: s.Start.UTC(), End: s.End.UTC(),
		ScrapeIntervalS: r.mesh.cfg.Scrape.Seconds(), MadeBy: r.mesh.cfg.MadeBy, Seed: r.mesh.cfg.Seed, Part: r.mesh.cfg.Part,
		Notes: datasets.Notes{
			"a real mesh on one machine: endpoints are processes, HAProxy forwards, Prometheus scrapes",
			"endpoints drawn at random from shares that know nothing of the mesh; the propensity is exact",
			fmt.Sprintf("%s; %s; %d cores", r.mesh.versions, runtime.Version(), runtime.NumCPU()),
			fmt.Sprintf("send delay %v", s.SendDelay),
			fmt.Sprintf("lateness of a 10 ms wait %v", s.Lateness),
			fmt.Sprintf("%d requests, %d failed, %d broken off before their deadline", s.Requests, s.Failed, s.Broken),
		},
	}
	for _, service := range r.mesh.services {
		m.Services = append(m.Services, service.Name)
	}
	if s.Interrupted {
		m.Notes = append(m.Notes, fmt.Sprintf("interrupted: %v were asked for", r.mesh.cfg.Duration))
	}
	return m
}
