package meshconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Config is for which namespace the manifests are, and what shall be in them.
type Config struct {
	Namespace string
	// RootNamespace is where Istio keeps what holds for the whole mesh.
	RootNamespace string
	// Domain ends the full names of the cluster's services: NAME.NAMESPACE.svc.DOMAIN.
	Domain string
	// Advanced asks for locality, wider bounds and outlier detection.
	Advanced bool
	// MeshWide asks for strict mutual TLS in the whole mesh, not the namespace only.
	MeshWide bool
	// RuleLabels are further labels of the PrometheusRules: a Prometheus of the operator
	// takes those only that its ruleSelector chooses.
	RuleLabels map[string]string
	// Command and Version are told at the head of each manifest: by what it was
	// printed, and of which fairway.
	Command, Version string
}

// DefaultConfig is that of a usual cluster; a namespace is still wanted.
func DefaultConfig() Config {
	return Config{RootNamespace: "istio-system", Domain: "cluster.local", Command: "fairway mesh config", Version: "unknown"}
}

// Validate says what is wrong with the configuration, all of it.
func (c Config) Validate() error {
	var errs []error
	refuse := func(what, value string, why []string) {
		if len(why) > 0 {
			errs = append(errs, fmt.Errorf("%s %q: %s", what, value, strings.Join(why, "; ")))
		}
	}
	refuse("namespace", c.Namespace, validation.IsDNS1123Label(c.Namespace))
	refuse("root namespace", c.RootNamespace, validation.IsDNS1123Label(c.RootNamespace))
	refuse("domain", c.Domain, validation.IsDNS1123Subdomain(c.Domain))
	for _, name := range slices.Sorted(maps.Keys(c.RuleLabels)) {
		refuse("label of rules", name, validation.IsQualifiedName(name))
		refuse("label of rules "+name, c.RuleLabels[name], validation.IsValidLabelValue(c.RuleLabels[name]))
		if name == managedBy {
			errs = append(errs, fmt.Errorf("label of rules %s: it is %s's, by which it knows its manifests again", name, manager))
		}
	}
	for _, text := range []string{c.Command, c.Version} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			errs = append(errs, fmt.Errorf("%q is for a comment of one line", text))
		}
	}
	return errors.Join(errs...)
}

// host is the full name of a service, by which Istio knows it.
func (c Config) host(service string) string {
	return service + "." + c.Namespace + ".svc." + c.Domain
}
