package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/router/meshconfig"
)

// newMeshCommand is `fairway mesh`: what a service mesh needs, written for it.
func newMeshCommand() *cobra.Command {
	return group("mesh", "write what a service mesh needs: mutual TLS, traffic policies, telemetry, alerts", newMeshConfigCommand())
}

// meshConfig is a call of `fairway mesh config`.
type meshConfig struct {
	meshconfig.Config
	places meshPlaces
	from   string
	diff   string
	out    string
}

func newMeshConfigCommand() *cobra.Command {
	c := meshConfig{Config: meshconfig.DefaultConfig(), places: meshPlaces{cluster: askCluster}}
	cmd := &cobra.Command{
		Use:   "config --namespace N",
		Short: "print manifests of Istio and the Prometheus operator for the services of a namespace",
		Long: `Prints manifests for the services of a namespace: a strict PeerAuthentication, a
DestinationRule with mutual TLS and a traffic policy for each service, Telemetry, and a
PrometheusRule with alerts for each service. It applies nothing: read what is printed,
and hand it to kubectl apply.

Services are found in the cluster that kubectl would ask, or in manifests: files,
directories, or - for stdin (kubectl get services -o yaml | fairway mesh config --from -).
Those that cannot be of the mesh are left out, and stderr says why.

With --diff the manifests are compared with those of a directory, a file or the cluster.
The exit status is then 0 where nothing differs and 1 where something does, as that of
diff and kubectl diff; a failure is 1 too, and stderr tells the two apart.`,
		Example: `  fairway mesh config --namespace shop | kubectl apply --dry-run=server -f -
  fairway mesh config --namespace shop --advanced --out manifests/
  fairway mesh config --namespace shop --advanced --diff cluster`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(cmd); err != nil {
				return err
			}
			c.places.stdin = cmd.InOrStdin()
			c.Command, c.Version = c.command(), thisVersion()
			return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&c.Namespace, "namespace", "", "namespace whose services the manifests are for")
	flags.BoolVar(&c.Advanced, "advanced", false, "the advanced traffic policy: locality, wider bounds, outlier detection")
	flags.BoolVar(&c.MeshWide, "mesh-wide", false, "strict mutual TLS for the whole mesh instead of the namespace: in the root namespace")
	flags.StringVar(&c.RootNamespace, "root-namespace", c.RootNamespace, "namespace of what holds for the whole mesh")
	flags.StringVar(&c.Domain, "domain", c.Domain, "domain of the cluster's services")
	flags.StringToStringVar(&c.RuleLabels, "rule-label", nil, "further label of PrometheusRules, such as release=prometheus; may be given again")
	flags.StringVar(&c.from, "from", inCluster, "where the services are told of: cluster, a file or directory of manifests, or - for stdin")
	flags.StringVar(&c.places.kubeconfig, "kubeconfig", "", "file that says where the cluster is; default: as kubectl ($KUBECONFIG, ~/.kube/config, in a pod its own)")
	flags.StringVar(&c.diff, "diff", "", "print what would change instead: against cluster, or a file or directory of manifests")
	flags.StringVar(&c.out, "out", "", "directory to write a file for each manifest to, instead of stdout")
	return cmd
}

// check refuses a wrong call.
func (c *meshConfig) check(cmd *cobra.Command) error {
	if err := needed(cmd, "namespace"); err != nil {
		return err
	}
	if c.from == "" {
		return usagef("--from is empty: want cluster, a path, or - for stdin")
	}
	if c.out != "" && c.diff != "" {
		return usagef("--out writes and --diff compares; give one of them")
	}
	if err := c.Validate(); err != nil {
		return usagef("%w", err)
	}
	return nil
}

// command is the call without what makes no difference to the manifests.
func (c *meshConfig) command() string {
	words := []string{"fairway mesh config --namespace", c.Namespace}
	usual := meshconfig.DefaultConfig()
	if c.Advanced {
		words = append(words, "--advanced")
	}
	if c.MeshWide {
		words = append(words, "--mesh-wide")
	}
	if c.RootNamespace != usual.RootNamespace {
		words = append(words, "--root-namespace", c.RootNamespace)
	}
	if c.Domain != usual.Domain {
		words = append(words, "--domain", c.Domain)
	}
	for _, name := range slices.Sorted(maps.Keys(c.RuleLabels)) {
		words = append(words, "--rule-label", name+"="+c.RuleLabels[name])
	}
	return strings.Join(words, " ")
}

// thisVersion is what the Go command has noted of this program.
func thisVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "of unknown version"
	}
	return strings.Trim(info.Main.Version, "()")
}

func (c *meshConfig) run(ctx context.Context, stdout, stderr io.Writer) error {
	services, err := c.services(ctx, stderr)
	if err != nil {
		return err
	}
	list, err := meshconfig.Manifests(c.Config, services)
	if err != nil {
		return err
	}
	switch {
	case c.diff != "":
		return c.compare(ctx, stdout, stderr, list)
	case c.out != "":
		return writeManifests(c.out, list, stderr)
	}
	_, err = stdout.Write(meshconfig.Text(list))
	return err
}

func (c *meshConfig) services(ctx context.Context, stderr io.Writer) ([]meshconfig.Service, error) {
	objects, err := c.places.read(ctx, stderr, c.from, c.Namespace, serviceKinds)
	if err != nil {
		return nil, err
	}
	services, notes := meshconfig.Services(c.Namespace, objects)
	for _, note := range notes {
		fmt.Fprintln(stderr, note)
	}
	if len(services) > 0 {
		return services, nil
	}
	err = fmt.Errorf("no services to write manifests for in namespace %s of %s", c.Namespace, c.from)
	if others := slices.DeleteFunc(meshconfig.Namespaces(objects), func(n string) bool { return n == c.Namespace }); len(others) > 0 {
		err = fmt.Errorf("%w; there are some in %s", err, strings.Join(others, ", "))
	}
	return nil, err
}

// errDiffers ends a comparison that found something with the status 1.
var errDiffers = errors.New("the manifests differ from what is there")

func (c *meshConfig) compare(ctx context.Context, stdout, stderr io.Writer, list []*meshconfig.Manifest) error {
	have, err := c.places.read(ctx, stderr, c.diff, c.Namespace, meshconfig.Kinds())
	if err != nil {
		return err
	}
	if c.MeshWide && c.diff == inCluster && c.RootNamespace != c.Namespace {
		root, err := c.places.read(ctx, stderr, c.diff, c.RootNamespace, meshconfig.Kinds())
		if err != nil {
			return err
		}
		have = append(have, root...)
	}
	found, err := meshconfig.Compare(c.Config, list, have, c.diff)
	if err != nil {
		return err
	}
	if err := found.Write(stdout); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, found.Summary()); err != nil {
		return err
	}
	if found.Differs() {
		return errDiffers
	}
	return nil
}
