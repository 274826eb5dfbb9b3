package meshconfig

import (
	"fmt"
	"strings"

	"istio.io/api/networking/v1alpha3"
	"istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// conflict says how an object that is not fairway's does the job of one of the
// manifests; nothing where it does not. An object that its type does not take cannot
// be told of.
func conflict(cfg Config, ours []hosted, o *manifest.Object) string {
	switch o.GroupKind() {
	case peerAuthenticationKind:
		return authenticates(cfg, o)
	case destinationRuleKind:
		return sameHost(cfg, ours, o)
	case telemetryKind:
		return reports(cfg, o)
	}
	return ""
}

// authenticates tells of a PeerAuthentication of a whole namespace: beside ours the
// older one holds, and within the mesh that of the namespace.
func authenticates(cfg Config, o *manifest.Object) string {
	var spec v1beta1.PeerAuthentication
	if o.Spec(&spec) != nil || len(spec.Selector.GetMatchLabels()) > 0 {
		return ""
	}
	home := cfg.Namespace
	if cfg.MeshWide {
		home = cfg.RootNamespace
	}
	mode := spec.Mtls.GetMode()
	switch {
	case o.Namespace == home:
		return fmt.Sprintf("%s is of all workloads of the namespace too (mode %s): Istio takes the older one", o, mode)
	case cfg.MeshWide && mode != v1beta1.PeerAuthentication_MutualTLS_STRICT && mode != v1beta1.PeerAuthentication_MutualTLS_UNSET:
		return fmt.Sprintf("%s is of mode %s, and holds for its namespace in place of that of the mesh", o, mode)
	}
	return ""
}

// reports tells of a Telemetry of the whole namespace.
func reports(cfg Config, o *manifest.Object) string {
	var spec telemetry.Telemetry
	if o.Namespace != cfg.Namespace || o.Spec(&spec) != nil ||
		len(spec.Selector.GetMatchLabels()) > 0 || len(spec.TargetRefs) > 0 || spec.TargetRef != nil {
		return ""
	}
	return fmt.Sprintf("%s is of all workloads of the namespace too: Istio takes the older one", o)
}

// sameHost tells of a DestinationRule for one of our hosts, or for many of them.
func sameHost(cfg Config, ours []hosted, o *manifest.Object) string {
	var spec v1alpha3.DestinationRule
	if o.Spec(&spec) != nil || spec.Host == "" {
		return ""
	}
	host := fullHost(cfg, spec.Host, o.Namespace)
	suffix, many := strings.CutPrefix(host, "*")
	for _, h := range ours {
		switch {
		case many && strings.HasSuffix(h.host, suffix):
			return fmt.Sprintf("%s is of host %s, and holds no longer for %s, which has a rule of its own: its settings do not add up with those", o, spec.Host, h.host)
		case host == h.host && o.Namespace != cfg.Namespace:
			return fmt.Sprintf("%s is of the same host as %s, in another namespace: callers there, or of the whole mesh, may get that one", o, h.by)
		case host == h.host:
			return fmt.Sprintf("%s is of the same host as %s: Istio takes the traffic policy of the older one, and the subsets of both; merge the two", o, h.by)
		}
	}
	return ""
}

// hosted is a host that a DestinationRule of ours is for.
type hosted struct {
	host string
	by   *Manifest
}

func hosts(cfg Config, want []*Manifest) (list []hosted) {
	for _, m := range want {
		var spec v1alpha3.DestinationRule
		if m.Kind == "DestinationRule" && m.object.Spec(&spec) == nil {
			list = append(list, hosted{fullHost(cfg, spec.Host, m.Namespace), m})
		}
	}
	return list
}

// fullHost is the full name that a host of a rule in a namespace stands for, in lower
// case. Istio makes full those without a dot only; the forms with one that people write
// are taken here for what they mean.
func fullHost(cfg Config, host, namespace string) string {
	host = strings.ToLower(host)
	if host == "*" {
		return host
	}
	switch parts := strings.Split(host, "."); {
	case len(parts) == 1:
		return host + "." + namespace + ".svc." + cfg.Domain
	case len(parts) == 2:
		return host + ".svc." + cfg.Domain
	case len(parts) == 3 && parts[2] == "svc":
		return host + "." + cfg.Domain
	}
	return host
}
