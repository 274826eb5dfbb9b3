package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/tune"
	"github.com/fairway-mesh/fairway/router"
)

func newTuneCommand() *cobra.Command {
	cfg := tune.DefaultConfig()
	var names []string
	var out, path string
	cmd := &cobra.Command{
		Use:   "tune --policies NAME,… --out FILE",
		Short: "set the parameters of strategies on random simulated meshes",
		Long: `Searches the parameters of each strategy (fairway replay --list has them) on the
same meshes and with the same budget for all, beginning with the defaults, and
writes what it found as YAML. The meshes are drawn from seeds that nothing else
is trained on or judged by. It minimises the
` + tune.Objective + ".",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "policies", "out"); err != nil {
				return err
			}
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			if err := place(out); err != nil {
				return err
			}
			var m *model.Model
			if path != "" {
				var err error
				if m, err = model.Load(path); err != nil {
					return err
				}
			}
			if _, err := entriesFor(names, m, nil); err != nil {
				return err
			}
			cfg.Progress = tuning(cmd.ErrOrStderr())
			cfg.Done = func(s tune.Result) {
				fmt.Fprintf(cmd.OutOrStdout(), "%-22s %+.4f (defaults %+.4f, %d runs)  %s\n", s.Name, s.Loss, s.Default, s.Runs, s.Strategy)
			}
			r, err := tune.Run(cmd.Context(), names, func(name string) (router.Strategy, error) {
				return router.StrategyNamed(name, m, nil, router.DefaultConfig())
			}, cfg)
			if err != nil {
				return err
			}
			r.MadeBy = strings.Join(append([]string{"fairway"}, os.Args[1:]...), " ")
			return writeFile(out, r.Write)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&names, "policies", nil, "strategies to tune")
	flags.StringVar(&out, "out", "", "file to write")
	flags.StringVar(&path, "model", "", "model of those that have one")
	flags.IntVar(&cfg.Meshes, "meshes", cfg.Meshes, "how many meshes are tuned on")
	flags.IntVar(&cfg.Budget, "budget", cfg.Budget, "runs of a mesh that each strategy has at most")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of the candidates")
	return cmd
}

// tuning draws a bar for each strategy in turn.
func tuning(stderr io.Writer) func(name string, done, all int) {
	var tell func(done, all int)
	last, most := "", 0
	return func(name string, done, all int) {
		if name != last || all != most {
			tell, last, most = counting(stderr, name), name, all
		}
		tell(done, all)
	}
}
