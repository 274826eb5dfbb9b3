package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/api/guard/siege"
)

type threatsOptions struct {
	seeds      int
	tuning     bool
	recordings string
}

// newBenchThreatsCommand is `fairway bench threats`.
func newBenchThreatsCommand() *cobra.Command {
	o := threatsOptions{}
	cmd := &cobra.Command{
		Use:   "threats",
		Short: "attack the guard, and count what honest callers are refused",
		Long: `Lets honest traffic with its bursts and then attacks pass the guard of the API on a
clock of its own: half of the callers send what endpoints of a recording of the lab
met, half what is made up. Says how many requests of honest callers the judge
refused, how soon attacks were found, and what of them passed. The last line is
JSON.

Thresholds were chosen with --tuning (recording lab-train, seeds from 1) and a look at
wider bursts (recording lab-validation, seeds from 5000); what is reported without it are other seeds
(from 1000000), recording lab-test, wider bursts, and ramps that are straight.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.seeds < 1 {
				return usagef("--seeds is %d; want at least 1", o.seeds)
			}
			set, recording := siege.Report, "lab-test"
			if o.tuning {
				set, recording = siege.Tuning, "lab-train"
			}
			rates, err := siege.Recorded(cmd.Context(), filepath.Join(o.recordings, recording))
			if err != nil {
				return err
			}
			figures, err := siege.Run(cmd.Context(), set(rates), o.seeds, func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) })
			if err != nil {
				return err
			}
			if err := writeThreats(cmd.OutOrStdout(), figures); err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.seeds, "seeds", 5, "seeds of each kind of traffic and attack")
	flags.BoolVar(&o.tuning, "tuning", false, "what thresholds were chosen on, instead of what is reported")
	flags.StringVar(&o.recordings, "recordings", "datasets/recordings", "directory of the lab's recordings")
	return cmd
}

// writeThreats writes the tables of docs/threats.md.
func writeThreats(w io.Writer, f siege.Figures) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| honest traffic\t| requests\t| blocked of a million\t| at most\t| with long-lived certificates: requests\t| blocked of a million\t| at most\t| times raised\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, k := range slices.Concat(f.Honest, []siege.Traffic{f.All}, f.BeyondHelp) {
		fmt.Fprintf(t, "| %s\t| %d\t| %.3g\t| %.3g\t| %d\t| %.3g\t| %.3g\t| %d\t|\n", k.Kind, k.Requests, k.PerMillion, k.Most, k.LongRequests, k.LongPerMillion, k.LongMost, k.Raised)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "| attack\t| found, medium\t| after s (min, median, max)\t| high\t| after s\t| messages passed\t| others blocked\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, a := range f.Attacks {
		fmt.Fprintf(t, "| %s\t| %d of %d\t| %s\t| %d of %d\t| %s\t| %d\t| %d\t|\n", a.Kind, a.Medium, a.Runs, three(a.Medium, a.ToMedium), a.High, a.Runs, three(a.High, a.ToHigh), a.Passed, a.Others)
	}
	return t.Flush()
}

// three is minimum, median and maximum of so many runs.
func three(runs int, s [3]float64) string {
	if runs == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f, %.0f, %.0f", s[0], s[1], s[2])
}
