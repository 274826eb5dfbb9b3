package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

type tryOptions struct {
	recipe   string // directory
	duration time.Duration
	seed     uint64
	load     float64
	balance  string
	out      string
	daemon   string
	keep     string
}

func newLabTryCommand() *cobra.Command {
	o := tryOptions{}
	cmd := &cobra.Command{
		Use:   "try DIR",
		Short: "run one proxy before and after, with a fault in the middle",
		Long: `Runs a proxy by the recipe in a directory, such as examples/haproxy-spoe, before
real endpoints on this machine, of which four of ten are twice as slow: first with
the balancing that the proxy has, then with fairway. Both meet the same requests
and the same fault: in the middle third of the time one endpoint is six times as
slow. Prints what requests took before, during and after the fault.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one argument, the directory of a recipe", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.recipe = args[0]
			if err := o.check(); err != nil {
				return err
			}
			recipe, err := lab.ReadRecipe(os.DirFS(o.recipe))
			if err != nil {
				return fmt.Errorf("%s: %w", o.recipe, err)
			}
			if err := recipe.Missing(); err != nil {
				return err
			}
			program, err := daemonProgram(o.daemon)
			if err != nil {
				return err
			}
			t := &try{o: o, recipe: recipe, program: program, service: lab.FleetService(o.load), stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			return t.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.duration, "duration", 90*time.Second, "how long each of the two runs is measured")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the requests")
	flags.Float64Var(&o.load, "load", 0.5, "part of the endpoints' capacity that the requests take")
	flags.StringVar(&o.balance, "balance", "", "the proxy's own balancing, where the recipe leaves it open, such as leastconn (default the recipe's)")
	flags.StringVar(&o.out, "out", "", "write an HTML page with pictures to this file")
	flags.StringVar(&o.daemon, "daemon", "", "the fairwayd program (default: beside this one)")
	flags.StringVar(&o.keep, "keep", "", "directory for configurations and logs, which stay there (default a temporary one)")
	return cmd
}

func (o *tryOptions) check() error {
	switch {
	case o.duration < 3*time.Second:
		return usagef("--duration is %v; want 3s or more", o.duration)
	case !(o.load > 0 && o.load < 1):
		return usagef("--load is %v; want more than 0, less than 1", o.load)
	}
	if o.out != "" {
		return place(o.out)
	}
	return nil
}

// settle is how long a run goes before it is measured.
func (o *tryOptions) settle() time.Duration { return min(10*time.Second, o.duration/3) }

// directory is that of the run; remove is what is to be done with it in the end.
func (o *tryOptions) directory() (dir string, remove func() error, err error) {
	if o.keep == "" {
		dir, err = os.MkdirTemp("", "fairway-try-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(o.keep); err != nil {
		return "", nil, err
	}
	return dir, func() error { return nil }, os.MkdirAll(dir, 0o755)
}

func (o *tryOptions) command() string {
	return strings.Join(append([]string{"fairway"}, os.Args[1:]...), " ")
}
