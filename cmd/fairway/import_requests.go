package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets/accesslog"
)

// requestsOptions are the flags of an import of access logs.
type requestsOptions struct {
	logs   []string
	zone   string
	config accesslog.ImportConfig
}

func newRequestsOptions() *requestsOptions {
	return &requestsOptions{config: accesslog.DefaultImportConfig()}
}

func (o *requestsOptions) flags(cmd *cobra.Command) {
	o.readFlags(cmd)
	c, flags := &o.config, cmd.Flags()
	flags.DurationVar(&c.Scrape, "scrape", c.Scrape, "time between two samples of the metrics")
}

// readFlagNames are the flags that say how a log is read.
var readFlagNames = []string{"format", "log-format", "service", "deadline", "window", "time-zone"}

// readFlags are --requests and those.
func (o *requestsOptions) readFlags(cmd *cobra.Command) {
	c, flags := &o.config, cmd.Flags()
	flags.StringArrayVar(&o.logs, "requests", nil, "access log of a proxy, plain or packed; more may follow")
	flags.StringVar(&c.Format, "format", "", "format of the log: "+strings.Join(accesslog.Formats(), ", ")+"; without it the one that is recognised")
	flags.StringVar(&c.LogFormat, "log-format", "", "nginx's log_format, in single quotes, as nginx.conf has it")
	flags.StringVar(&c.Service, "service", "", "name of the service of every request; without it what the log says")
	flags.DurationVar(&c.Deadline, "deadline", 0, "deadline that every request had, such as 1s; without it none is noted")
	flags.DurationVar(&c.Window, "window", c.Window, "how long after its arrival a request may be logged; longer takes more memory")
	flags.StringVar(&o.zone, "time-zone", "UTC", "zone of times that do not tell theirs (HAProxy's), such as Europe/Berlin")
}

// locate sets the zone that was asked for.
func (o *requestsOptions) locate() error {
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return usagef("--time-zone is %q; want a name such as UTC or Europe/Berlin (%w)", o.zone, err)
	}
	o.config.Location = zone
	return nil
}

// importRequests makes a recording, and says on stderr what of the logs was
// read and what was not.
func importRequests(cmd *cobra.Command, o *requestsOptions, more []string) error {
	if err := needed(cmd, "out"); err != nil {
		return err
	}
	if cmd.Flag("schema").Changed {
		return usagef("%s --requests takes no --schema: the schema is accesslog", cmd.CommandPath())
	}
	if err := o.locate(); err != nil {
		return err
	}
	c := o.config
	paths := slices.Concat(o.logs, more)
	c.MadeBy = "fairway import --requests " + strings.Join(paths, " ")
	if err := c.Validate(); err != nil {
		return usageError{err}
	}
	tally, err := accesslog.Import(cmd.Context(), c, paths...)
	if written := tally.WriteText(cmd.ErrOrStderr()); err == nil {
		err = written
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s: written; go on with fairway inspect %s\n", c.Out, c.Out)
	return err
}
