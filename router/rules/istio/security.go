package istio

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"istio.io/api/networking/v1alpha3"
	"istio.io/api/security/v1beta1"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// rootNamespace is where what holds for the whole mesh is kept.
const rootNamespace = "istio-system"

// tls warns of connections to whom that are not strictly of mutual TLS.
func (t *translator) tls(p place, s *v1alpha3.ClientTLSSettings, whom string) {
	switch {
	case s == nil:
		t.warn(p, "connections to %s need not be encrypted: no tls mode is set, and Istio encrypts where the other side can; write tls: {mode: ISTIO_MUTUAL}", whom)
	case s.Mode == v1alpha3.ClientTLSSettings_DISABLE:
		t.warn(p.in("tls"), "connections to %s are not encrypted (tls mode DISABLE); strict mutual TLS is ISTIO_MUTUAL or MUTUAL", whom)
	case s.Mode == v1alpha3.ClientTLSSettings_SIMPLE:
		t.warn(p.in("tls"), "connections to %s do not prove who calls (tls mode SIMPLE); strict mutual TLS is ISTIO_MUTUAL or MUTUAL", whom)
	}
	if s.GetInsecureSkipVerify().GetValue() {
		t.warn(p.in("tls", "insecureSkipVerify"), "connections to %s do not check who answers (insecureSkipVerify)", whom)
	}
}

// authentication is a PeerAuthentication with its place.
type authentication struct {
	o    *manifest.Object
	spec v1beta1.PeerAuthentication
}

type mode = v1beta1.PeerAuthentication_MutualTLS_Mode

const (
	unset  = v1beta1.PeerAuthentication_MutualTLS_UNSET
	strict = v1beta1.PeerAuthentication_MutualTLS_STRICT
)

// peerAuthentications warns of all that lets in connections without mutual TLS. A
// mode that is not set is that of the wider scope: of the workload's namespace, of
// the mesh, and in the end PERMISSIVE.
func (t *translator) peerAuthentications(objects []*manifest.Object) {
	var all []*authentication
	wide := map[string]mode{} // by namespace, of what holds for all of it
	for _, o := range objects {
		a := &authentication{o: o}
		if err := o.Spec(&a.spec); err != nil {
			t.fail(o, o.LineOf(), err)
			continue
		}
		all = append(all, a)
		if !a.workload() && wide[o.Home()] == unset {
			wide[o.Home()] = a.spec.Mtls.GetMode()
		}
	}
	for _, a := range all {
		t.peerAuthentication(a, wide)
	}
}

func (a *authentication) workload() bool { return len(a.spec.Selector.GetMatchLabels()) > 0 }

func (a *authentication) whom() string {
	switch {
	case a.workload():
		return fmt.Sprintf("workloads of namespace %s with %s", a.o.Home(), labels(a.spec.Selector.MatchLabels))
	case a.o.Home() == rootNamespace:
		return "all of the mesh"
	}
	return "namespace " + a.o.Home()
}

func (t *translator) peerAuthentication(a *authentication, wide map[string]mode) {
	p := place{o: a.o}
	own, inherited := a.spec.Mtls.GetMode(), ""
	if own == unset {
		inherited = ", which is inherited as none is set here"
		if a.workload() {
			own = wide[a.o.Home()]
		}
		if own == unset {
			own = wide[rootNamespace]
		}
		if own == unset {
			own = v1beta1.PeerAuthentication_MutualTLS_PERMISSIVE
		}
	}
	if own != strict {
		t.warn(p.in("mtls", "mode"), "%s: connections without mutual TLS are let in (mode %s%s); strict is STRICT", a.whom(), own, inherited)
	}
	for _, port := range slices.Sorted(maps.Keys(a.spec.PortLevelMtls)) {
		if m := a.spec.PortLevelMtls[port].GetMode(); m != unset && m != strict {
			t.warn(p.in("portLevelMtls", strconv.Itoa(int(port))), "%s: port %d lets in connections without mutual TLS (mode %s); strict is STRICT", a.whom(), port, m)
		}
	}
}

func labels(m map[string]string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if text != "" {
			text += ","
		}
		text += name + "=" + m[name]
	}
	return text
}
