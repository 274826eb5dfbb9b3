// Command fairway is the workbench: it records, trains, predicts, replays and
// inspects. The daemon that serves decisions is fairwayd.
//
// Output for programs goes to stdout, everything else to stderr. The exit
// status is 0 when done, 1 when something failed, 2 when it was called wrongly.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fairway:", err)
	}
	os.Exit(exitStatus(err))
}

// usageError is a call that cannot be carried out as it was made.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func exitStatus(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:           "fairway",
		Short:         "decide where a service mesh's requests should go",
		Long:          "fairway learns from recorded Prometheus metrics how each endpoint answers under load\nand when it is about to fail. This is the workbench; fairwayd serves the decisions.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w (%s --help lists the flags)", err, cmd.CommandPath())
	})
	root.AddCommand(newRecordCommand(), newTrainCommand(), newPredictCommand(), newDetectCommand(), newReplayCommand(), newInspectCommand(), newImportCommand(),
		newRulesCommand(), newModelCommand(), newJournalCommand(), newIdentityCommand(), newThreatsCommand(), newMeshCommand(), newTuneCommand(), newLabCommand(), newDemoCommand(), newBenchCommand())
	out := &output{Writer: stdout}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	return firstError(root.ExecuteContext(ctx), out.err)
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// noArguments refuses what is no flag, as a wrong call.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s does not know %q (%s --help lists what it does)", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// arguments asks for at least one file.
func arguments(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s wants %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// needed refuses a call without one of the named flags, or with an empty one.
func needed(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if flag := cmd.Flag(name); !flag.Changed || slices.Contains([]string{"", "[]"}, flag.Value.String()) {
			return usagef("%s needs --%s: %s", cmd.CommandPath(), name, strings.ReplaceAll(flag.Usage, "`", "")) // they mark the value's name in --help
		}
	}
	return nil
}
