package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/anomaly/benchmark"
	"github.com/fairway-mesh/fairway/anomaly/nab"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// public fills in what is measured on public data. What is not there stays
// unknown.
func (b *forecastBench) public(ctx context.Context, f *forecastFigures) error {
	if b.o.shared == "" {
		b.note("NAB, SMD and Nezha are not measured: --shared names the folder with their data.")
		return nil
	}
	for _, set := range []struct {
		name    string
		measure func(ctx context.Context, dir string, f *forecastFigures) error
	}{{"nab", b.nab}, {"smd", b.smd}, {"nezha", b.nezha}, {"petshop", b.petshop}} {
		dir := b.set(set.name)
		if dir == "" {
			b.note("%s is not measured: %s has no folder of that name.", set.name, b.o.shared)
			continue
		}
		if err := set.measure(ctx, dir, f); err != nil {
			return err
		}
	}
	return nil
}

// set is the folder of a public set; empty where it is not there.
func (b *forecastBench) set(name string) string {
	for _, dir := range []string{filepath.Join(b.o.shared, name), filepath.Join(b.o.shared, "data", name)} {
		if stat, err := os.Stat(dir); err == nil && stat.IsDir() {
			return dir
		}
	}
	return ""
}

func (b *forecastBench) nab(ctx context.Context, dir string, f *forecastFigures) error {
	r, err := nab.Evaluate(ctx, dir)
	if err != nil {
		return err
	}
	f.NABStandard, f.NABCrossfit = finding.Number(r.Standard.Score), finding.Number(r.CrossFit)
	b.note("NAB, %d series: standard %.1f, low FP %.1f, low FN %.1f; chosen on one half and applied to the other %.1f (%.1f to %.1f). At the standard threshold %d of %d windows are hit, with %.3f false alerts per series-day. The scorer gives windowedGaussian %.1f.",
		r.Series, r.Standard.Score, r.LowFP.Score, r.LowFN.Score, r.CrossFit, r.CrossFitWorst, r.CrossFitBest, r.Standard.Hit, r.Windows, r.Standard.PerDay, r.Gaussian)
	return nil
}

func (b *forecastBench) smd(ctx context.Context, dir string, f *forecastFigures) error {
	r, err := benchmark.SMD(ctx, dir)
	if err != nil {
		return err
	}
	f.SMD = finding.Number(r.Mean)
	b.note("SMD: area under precision and recall %.3f, mean of %d machines; without a history %.3f, naive %.3f. The metric named is to blame in %d of %d segments, by chance in %.1f.",
		r.Mean, len(r.Machines), r.Alone, r.Naive, r.Explained.Hits, r.Explained.Of, r.Chance)
	return nil
}

func (b *forecastBench) nezha(ctx context.Context, dir string, f *forecastFigures) error {
	r, err := benchmark.Nezha(ctx, dir)
	if err != nil {
		return err
	}
	f.NezhaTop1, f.NezhaTop3 = finding.Number(r.Top1), finding.Number(r.Top3)
	delay := r.ByKind["network_delay"]
	b.note("Nezha: of %d faults the pod is first in %.1f %%, in the first three in %.1f %%; of the network delays first in %d of %d.",
		len(r.Faults), 100*r.Top1, 100*r.Top3, delay.Hits, delay.Of)
	return nil
}

func (b *forecastBench) petshop(ctx context.Context, dir string, _ *forecastFigures) error {
	r, err := benchmark.PetShop(ctx, dir)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name string
		of   benchmark.Target
	}{{"latency", r.Latency}, {"availability", r.Availability}} {
		b.note("PetShop, %s: %d false alarms in %d steps of normal operation; %d of %d issues seen, the cause first in %d, in the first three in %d.",
			one.name, one.of.FalseAlarms, one.of.Steps, one.of.Seen, one.of.Issues, one.of.Top1, one.of.Top3)
	}
	return nil
}
