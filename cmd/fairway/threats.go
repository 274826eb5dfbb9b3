package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/api/identity"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// threatsAdmin is a daemon's admin port, and who asks there.
type threatsAdmin struct {
	address, identity string
}

// newThreatsCommand is `fairway threats`.
func newThreatsCommand() *cobra.Command {
	a := &threatsAdmin{}
	cmd := group("threats", "see how much a daemon's callers are to be feared, and overrule it",
		newThreatsListCommand(a), newThreatsSetCommand(a), newThreatsClearCommand(a))
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.address, "admin", "http://127.0.0.1:7444", "`URL` of the daemon's admin port")
	flags.StringVar(&a.identity, "identity", "", "`folder` with the certificate of an operator, as fairway identity issue writes it, for an https:// URL")
	return cmd
}

func newThreatsListCommand(a *threatsAdmin) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "print the callers that are not low, and why; --all prints all",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := a.ask(cmd.Context(), http.MethodGet, nil)
			if err != nil {
				return err
			}
			return writeCallers(cmd.OutOrStdout(), v, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "callers at low as well")
	return cmd
}

func newThreatsSetCommand(a *threatsAdmin) *cobra.Command {
	var lasts time.Duration
	why := ""
	cmd := &cobra.Command{
		Use:   "set IDENTITY low|medium|high",
		Short: "have a level hold against the judge for a while",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("%s wants an identity and low, medium or high", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needed(cmd, "why"); err != nil {
				return err
			}
			return a.say(cmd, map[string]string{"identity": args[0], "level": args[1], "for": lasts.String(), "why": why})
		},
	}
	cmd.Flags().DurationVar(&lasts, "for", time.Hour, "how long it holds")
	cmd.Flags().StringVar(&why, "why", "", "`reason`, for the log and for who comes after you")
	return cmd
}

func newThreatsClearCommand(a *threatsAdmin) *cobra.Command {
	return &cobra.Command{
		Use:   "clear IDENTITY",
		Short: "end what set said of an identity",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s wants an identity", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.say(cmd, map[string]string{"identity": args[0], "level": "auto"})
		},
	}
}

func (a *threatsAdmin) say(cmd *cobra.Command, what map[string]string) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	v, err := a.ask(cmd.Context(), http.MethodPost, text)
	if err != nil {
		return err
	}
	if v.Mode != threat.Enforce {
		fmt.Fprintf(cmd.ErrOrStderr(), "the daemon's mode is %s: it only tells what it would refuse\n", v.Mode)
	}
	return writeCallers(cmd.OutOrStdout(), v, false)
}

// threatsPatience is how long an admin port may take to answer, and mostThreats how
// much it may say.
const threatsPatience, mostThreats = 30 * time.Second, 64 << 20

func (a *threatsAdmin) ask(ctx context.Context, method string, body []byte) (v threat.View, err error) {
	at, err := url.Parse(a.address)
	if err != nil || at.Host == "" {
		return v, usagef("--admin is %q; want a URL such as http://127.0.0.1:7444", a.address)
	}
	ctx, cancel := context.WithTimeout(ctx, threatsPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, at.JoinPath("threats").String(), bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	client, err := a.client(ctx, at.Hostname())
	if err != nil {
		return v, err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostThreats))
	if err != nil {
		return v, err
	}
	if resp.StatusCode != http.StatusOK {
		return v, fmt.Errorf("%s: %s: %s", at, resp.Status, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("%s is no admin port of fairwayd: %w", at, err)
	}
	return v, nil
}

// client shows the operator's certificate, if one is named.
func (a *threatsAdmin) client(ctx context.Context, host string) (*http.Client, error) {
	transport := &http.Transport{}
	if a.identity != "" {
		cfg := identity.DefaultConfig().Folder(a.identity)
		cfg.Clock = time.Now
		source, err := identity.Open(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("--identity: %w", err)
		}
		transport.TLSClientConfig = source.ClientTLS("", host, "http/1.1")
		if err := source.Close(); err != nil {
			return nil, err
		}
	}
	return &http.Client{Transport: transport}, nil
}

func writeCallers(w io.Writer, v threat.View, all bool) error {
	fmt.Fprintf(w, "mode %s, high: %s, when it fails: %s", v.Mode, v.OnHigh, v.OnFailure)
	if v.Failing != "" {
		fmt.Fprintf(w, "; IT FAILS: %s", v.Failing)
	}
	fmt.Fprintln(w)
	if !v.ServicesFrom.IsZero() {
		fmt.Fprintf(w, "services are judged from %s on: the daemon has just begun, and whoever calls is new to it\n", v.ServicesFrom.UTC().Format("15:04:05 UTC"))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "IDENTITY\tLEVEL\tJUDGED\tUNTIL\tWHY")
	for _, c := range v.Callers {
		if !all && c.Level == threat.Low && c.Judged == threat.Low && c.Override == nil {
			continue
		}
		why, until := c.Reason, c.Until
		if c.Override != nil {
			why, until = "overruled: "+c.Override.Why, c.Override.Until
		}
		ends := "-"
		if !until.IsZero() {
			ends = until.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%v\t%v\t%s\t%s\n", plain(c.Identity), c.Level, c.Judged, ends, plain(why))
	}
	return t.Flush()
}

// plain is text for a terminal: names come from certificates, and may hold what a
// terminal obeys.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
