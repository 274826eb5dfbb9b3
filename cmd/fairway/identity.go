package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/api/identity"
)

func newIdentityCommand() *cobra.Command {
	return group("identity", "certificates of fairwayd's own authority: issue, show, trust", newIdentityIssueCommand(), newIdentityShowCommand(), newIdentityTrustCommand())
}

// stateFlag names the directory that the daemon's --state names.
func stateFlag(cmd *cobra.Command, state *string) {
	cmd.Flags().StringVar(state, "state", "", "state directory of the daemon; default: $STATE_DIRECTORY, else ~/.local/state/fairway")
}

func authorityConfig(state string) (identity.Config, error) {
	cfg := identity.DefaultConfig()
	cfg.Clock = time.Now
	if cfg.State = identity.StateDirectory(state, os.Getenv); cfg.State == "" {
		return cfg, usagef("no state directory: give --state DIR")
	}
	return cfg, nil
}

func newIdentityIssueCommand() *cobra.Command {
	var state, id, out string
	var life time.Duration
	var hosts []string
	var keep bool
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "write a certificate, its key and the roots to a folder: cert.pem, key.pem, ca.pem",
		Long:  "issue writes a certificate, its key and the roots to a folder: cert.pem, key.pem, ca.pem.\nIt makes the authority where there is none. With --keep it stays, and renews the\ncertificate when two thirds of its life have passed; who uses the folder must read it again.\nIdentities spiffe://DOMAIN/operator/… may do everything, others what proxies do.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "id", "out"); err != nil {
				return err
			}
			if life < time.Minute {
				return usagef("--life is %v; want at least 1m", life)
			}
			cfg, err := authorityConfig(state)
			if err != nil {
				return err
			}
			authority, err := identity.OpenAuthority(cfg)
			if err != nil {
				return err
			}
			issue := func() error {
				issued, err := authority.Issue(time.Now(), id, out, life, hosts)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s until %s in %s\n", issued.Identity, issued.Until.Format(time.RFC3339), out)
				}
				return err
			}
			if err := issue(); err != nil || !keep {
				return err
			}
			keepIssued(cmd.Context(), cmd.ErrOrStderr(), life, issue)
			return nil
		},
	}
	flags := cmd.Flags()
	stateFlag(cmd, &state)
	flags.StringVar(&id, "id", "", "identity, such as spiffe://fairway.local/proxy-a")
	flags.StringVar(&out, "out", "", "folder to write to")
	flags.DurationVar(&life, "life", 24*time.Hour, "how long the certificate is valid")
	flags.StringArrayVar(&hosts, "host", nil, "DNS name or address beside the identity; may be given again")
	flags.BoolVar(&keep, "keep", false, "stay, and renew the certificate until interrupted")
	return cmd
}

// keepIssued issues again at two thirds of each life, by the wall clock, which
// may jump; what fails is tried again soon.
func keepIssued(ctx context.Context, stderr io.Writer, life time.Duration, issue func() error) {
	tick := time.NewTicker(life / 60)
	defer tick.Stop()
	last := time.Now().Round(0) // without the monotonic reading
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now().Round(0)
		if passed := now.Sub(last); passed >= 0 && passed < life*2/3 {
			continue
		}
		if err := issue(); err != nil {
			fmt.Fprintln(stderr, "fairway:", err)
			continue
		}
		last = now
	}
}

func newIdentityShowCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "show [FOLDER…]",
		Short: "say what roots and certificates there are, and until when",
		RunE: func(cmd *cobra.Command, folders []string) error {
			lines := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(lines, "WHAT\tIDENTITY\tSERIAL\tFROM\tUNTIL")
			if len(folders) == 0 {
				if err := showAuthority(lines, state); err != nil {
					return err
				}
			}
			for _, folder := range folders {
				if err := showFolder(lines, folder); err != nil {
					return err
				}
			}
			return lines.Flush()
		},
	}
	stateFlag(cmd, &state)
	return cmd
}

func showAuthority(out io.Writer, state string) error {
	cfg, err := authorityConfig(state)
	if err != nil {
		return err
	}
	authority, err := identity.FindAuthority(cfg)
	if err != nil {
		return err
	}
	now := time.Now()
	roots, err := authority.Roots(now)
	if err != nil {
		return err
	}
	for _, root := range roots {
		showCertificate(out, "root", root)
	}
	list, err := authority.Issued(now)
	for _, i := range list {
		fmt.Fprintf(out, "issued\t%s\t%s\t%s\t%s\n", i.Identity, i.Serial, i.At.Format(time.RFC3339), i.Until.Format(time.RFC3339))
	}
	return err
}

func showFolder(out io.Writer, folder string) error {
	if err := showFile(out, "root", filepath.Join(folder, identity.TrustFile)); err != nil {
		return err
	}
	return showFile(out, "certificate", filepath.Join(folder, identity.CertFile))
}

func showFile(out io.Writer, what, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	certs, err := identity.ParseCertificates(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, cert := range certs {
		showCertificate(out, what, cert)
	}
	return nil
}

func showCertificate(out io.Writer, what string, cert *x509.Certificate) {
	name := cert.Subject.CommonName
	if len(cert.URIs) > 0 {
		name = cert.URIs[0].String()
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", what, name, cert.SerialNumber.Text(16), cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
}

func newIdentityTrustCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "print the roots that others must believe, in PEM",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := authorityConfig(state)
			if err != nil {
				return err
			}
			authority, err := identity.FindAuthority(cfg)
			if err != nil {
				return err
			}
			bundle, err := authority.Trust(time.Now())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(bundle)
			return err
		},
	}
	stateFlag(cmd, &state)
	return cmd
}
