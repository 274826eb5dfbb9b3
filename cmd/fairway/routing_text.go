package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// writeText writes the figures for people.
func (f *routingFigures) writeText(w io.Writer) error {
	fmt.Fprintf(w, "%s against the best of its rivals, %d seeds; ratios below 1 are ours; 95 %% intervals; won and lost after Holm's correction, ~ neither\n\n", f.Ours, f.Seeds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tmean ms\tbest rival\tms\tratio\t\t\tp99 ms\tbest rival\tms\tratio\t\t")
	for i := range f.Scenarios {
		s := &f.Scenarios[i]
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, s.Mean.row(), s.P99.row())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tof\tours\tagainst\t\tratio\t")
	for i := range f.Scenarios {
		s := &f.Scenarios[i]
		for _, x := range []struct {
			what string
			duel *routingDuel
		}{
			{"mean ms", s.Random}, {"p99 ms", s.RandomP99}, {"mean ms", s.SplitTurns}, {"mean ms", s.SplitDraws}, {"mean ms", s.Rules},
			{"p99 ms, native", s.Native}, {"failed ‰, native", s.NativeFailed},
		} {
			if d := x.duel; d != nil {
				fmt.Fprintf(t, "%s\t%s\t%.4g\t%s\t%.4g\t%.3f\t[%s, %s]\n", s.Name, x.what, 1e3*float64(d.Ours), d.Rival, 1e3*float64(d.Other), float64(d.Ratio), short(d.Low), short(d.High))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for i := range f.Claims {
		c := &f.Claims[i]
		fmt.Fprintln(w, c.text())
		for _, lost := range c.Lost {
			fmt.Fprintf(w, "    not in %s\n", lost)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (d *routingDuel) row() string {
	mark := d.Result
	if d.Inferior {
		mark += " >3%"
	}
	return fmt.Sprintf("%.4g\t%s\t%.4g\t%.3f\t[%s, %s]\t%s", 1e3*float64(d.Ours), d.Rival, 1e3*float64(d.Other), float64(d.Ratio), short(d.Low), short(d.High), mark)
}
