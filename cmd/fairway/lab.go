package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// newLabCommand is `fairway lab`: a real mesh on this machine.
func newLabCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "lab",
		Short: "run a real mesh on this machine",
	}
	command.AddCommand(newLabRecordCommand(), newLabEndpointCommand())
	return command
}

func newLabRecordCommand() *cobra.Command {
	cfg := lab.DefaultConfig()
	command := &cobra.Command{
		Use:   "record --out DIR",
		Short: "Record a real mesh under random shares and injected faults",
		Long: `Runs endpoints, HAProxy and Prometheus on this machine in real time, sends
requests to endpoints drawn at random, injects faults, and writes a recording.
Interrupted after two minutes or more, it keeps what it has.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			cfg.Endpoint = []string{program, "lab", "endpoint"}
			cfg.MadeBy = strings.Join(append([]string{"fairway"}, os.Args[1:]...), " ")
			ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			summary, err := lab.Record(ctx, cfg, progressLine(command.ErrOrStderr()))
			if summary.Requests > 0 {
				printSummary(command.ErrOrStderr(), summary)
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&cfg.Out, "out", "", "directory of the recording; must not exist yet")
	flags.DurationVar(&cfg.Duration, "duration", cfg.Duration, "how long to record")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "of shares, arrivals and faults")
	flags.IntVar(&cfg.Faults, "faults", cfg.Faults, "how many to inject; negative: as many as suit the duration")
	cobra.CheckErr(command.MarkFlagRequired("out"))
	return command
}

// newLabEndpointCommand runs one endpoint; `lab record` starts itself with it.
func newLabEndpointCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "endpoint SPEC",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var spec lab.Spec
			if err := json.Unmarshal([]byte(args[0]), &spec); err != nil {
				return fmt.Errorf("specification of the endpoint: %w", err)
			}
			return lab.ServeEndpoint(command.Context(), spec)
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
	fmt.Fprintf(w, "send delay %v; lateness of a 10 ms wait %v\n", s.SendDelay, s.Ticker)
	if s.Interrupted {
		fmt.Fprintln(w, "interrupted; the recording ends where it was interrupted")
	}
}
