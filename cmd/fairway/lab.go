package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// newLabCommand is `fairway lab`: a mesh on this machine, real or simulated.
func newLabCommand() *cobra.Command {
	return group("lab", "run a mesh on this machine, real or simulated", newLabRecordCommand(), newLabCompareCommand(), newLabSimulateCommand(), newLabTryCommand(), newLabEndpointCommand())
}

func newLabRecordCommand() *cobra.Command {
	cfg, fleet := lab.DefaultConfig(), false
	cmd := &cobra.Command{
		Use:   "record --out DIR",
		Short: "record a real mesh under random shares and injected faults",
		Long: `Runs endpoints, HAProxy and Prometheus on this machine in real time, sends
requests to endpoints drawn at random, injects faults, and writes a recording.
Interrupted after two minutes or more, it keeps what it has.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			cfg.EndpointCommand = []string{program, "lab", "endpoint"}
			cfg.MadeBy = strings.Join(append([]string{"fairway"}, os.Args[1:]...), " ")
			if err := needed(cmd, "out"); err != nil {
				return err
			}
			if fleet { // under shares at random an endpoint may get three times what it should
				cfg.Services, cfg.Scrape, cfg.Light = []lab.Service{lab.FleetService(0.3)}, time.Second, true
			}
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			summary, err := lab.Record(cmd.Context(), cfg, progressLine(cmd.ErrOrStderr()))
			if summary.Dir != "" {
				printSummary(cmd.ErrOrStderr(), summary)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Out, "out", "", "directory of the recording; must not exist yet")
	flags.DurationVar(&cfg.Duration, "duration", cfg.Duration, "how long to record")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of shares, arrivals and faults")
	flags.TextVar(&cfg.Part, "part", cfg.Part, "what all of it is for: train, validation or test; without it, it is cut by time")
	flags.BoolVar(&fleet, "fleet", false, "the mesh of `lab compare`, scraped every second")
	flags.IntVar(&cfg.Faults, "faults", cfg.Faults, "how many to inject; negative: as many as suit the duration")
	return cmd
}

// newLabEndpointCommand runs one endpoint; `lab record` starts itself with it.
func newLabEndpointCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "endpoint SPEC",
		Hidden: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one argument, the specification in JSON", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var spec lab.Spec
			if err := json.Unmarshal([]byte(args[0]), &spec); err != nil {
				return fmt.Errorf("specification of the endpoint: %w", err)
			}
			return lab.ServeEndpoint(cmd.Context(), spec)
		},
	}
}

// progressLine rewrites one line on a terminal, and is nil elsewhere.
func progressLine(w io.Writer) func(lab.Progress) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func(p lab.Progress) {
		var faults []string
		for _, f := range p.Faults {
			faults = append(faults, f.Kind+" of "+f.Endpoint)
		}
		fmt.Fprintf(w, "\r\033[K%v / %v  %.0f requests/s  %s",
			p.Elapsed.Round(time.Second), p.Total, p.Rate, strings.Join(faults, ", "))
	}
}

func printSummary(w io.Writer, s lab.Summary) {
	fmt.Fprintf(w, "\n%s: %d requests (%d failed), %d samples, %d faults in %v\n",
		s.Dir, s.Requests, s.Failed, s.Samples, len(s.Faults), s.End.Sub(s.Start).Round(time.Second))
	fmt.Fprintf(w, "send delay %v; lateness of a 10 ms wait %v\n", s.SendDelay, s.Lateness)
	if s.Interrupted {
		fmt.Fprintln(w, "interrupted; the recording ends where it was interrupted")
	}
}
