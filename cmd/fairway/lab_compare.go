package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/replay/ope"
)

type compareOptions struct {
	proxies          []int
	blocks           int
	block, settle    time.Duration
	policies         []string
	seed             uint64
	load             float64
	json             bool
	report           string
	out              string
	daemon, model    string
	maxDelay, warmUp time.Duration
	again            int // how often a disturbed turn is taken again
}

func newLabCompareCommand() *cobra.Command {
	o := compareOptions{}
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "compare what proxies have built in with fairway, before real endpoints",
		Long: `Runs real endpoints, of which four are twice as slow and one degrades, behind
a fleet of real proxies on this machine, and lets one policy after the other decide
on the whole fleet: HAProxy's and nginx's own, and fairway's by agent check and by
SPOE. The policies take turns in blocks, in an order drawn anew for each; within a
block all of them meet the same requests at the same proxies and the same fault.
Latencies are measured from when a request was due; one without a good answer by
its deadline took that. See docs/lab-compare.md.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			c, err := newComparison(cmd, o)
			if err != nil {
				return err
			}
			return c.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&o.proxies, "proxies", []int{10, 1}, "how many proxies a fleet has, one fleet after the other")
	flags.IntVar(&o.blocks, "blocks", 5, "in how many blocks every policy takes its turn")
	flags.DurationVar(&o.block, "block", 30*time.Second, "how long a turn is measured")
	flags.DurationVar(&o.settle, "settle", 10*time.Second, "how long a turn runs before that")
	flags.StringSliceVar(&o.policies, "policies", nil, "some of the policies (default all)")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of requests, faults and the order of turns")
	flags.Float64Var(&o.load, "load", 0.65, "part of the endpoints' capacity that the requests take")
	flags.BoolVar(&o.json, "json", false, "end with a line of JSON")
	flags.StringVar(&o.report, "report", "", "write an HTML page with pictures to this file")
	flags.StringVar(&o.out, "out", "", "directory for configurations and logs, which stay there (default a temporary one)")
	flags.StringVar(&o.daemon, "daemon", "", "the fairwayd program (default: beside this one)")
	flags.StringVar(&o.model, "model", "", "model of the schema fleet (default: the one that ships)")
	flags.DurationVar(&o.warmUp, "warm-up", 5*time.Second, "how long requests come before the first block")
	flags.DurationVar(&o.maxDelay, "max-delay", 20*time.Millisecond, "lateness of the machine, at the 99th percentile, from which a turn counts as disturbed")
	flags.IntVar(&o.again, "again", 2, "how often a disturbed turn is taken again; the last time counts")
	return cmd
}

func (o *compareOptions) check() error {
	for _, n := range o.proxies {
		if n < 1 || n > lab.MaxProxies {
			return usagef("--proxies has %d; want 1 to %d", n, lab.MaxProxies)
		}
	}
	switch {
	case len(o.proxies) == 0:
		return usagef("--proxies is empty; want numbers such as 10,1")
	case o.blocks < 1:
		return usagef("--blocks is %d; want 1 or more, and %d for intervals", o.blocks, ope.MinBlocks)
	case o.block < 2*time.Second:
		return usagef("--block is %v; want 2s or more", o.block)
	case o.settle < 0 || o.warmUp < 0:
		return usagef("--settle is %v and --warm-up %v; want 0 or more", o.settle, o.warmUp)
	case !(o.load > 0 && o.load < 1):
		return usagef("--load is %v; want more than 0, less than 1", o.load)
	case o.again < 0:
		return usagef("--again is %d; want 0 or more", o.again)
	case o.maxDelay <= 0:
		return usagef("--max-delay is %v; want more than 0", o.maxDelay)
	}
	if o.report != "" {
		return place(o.report)
	}
	return nil
}

// takes is how long all of it runs.
func (o *compareOptions) takes(policies int) time.Duration {
	return o.warmUp + time.Duration(len(o.proxies)*o.blocks*policies)*(o.settle+o.block+time.Second)
}

// command is what makes the report again.
func (o *compareOptions) command() string {
	return strings.Join(append([]string{"fairway"}, os.Args[1:]...), " ")
}

// daemonProgram is the fairwayd that was named, or the one beside this program.
func daemonProgram(named string) (string, error) {
	if named == "" {
		program, err := os.Executable()
		if err != nil {
			return "", err
		}
		named = filepath.Join(filepath.Dir(program), "fairwayd")
	}
	if _, err := os.Stat(named); err != nil {
		return "", fmt.Errorf("%w (build both programs with `make build`, or name it with --daemon)", err)
	}
	return filepath.Abs(named)
}
