package meshconfig

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"istio.io/api/networking/v1alpha3"
	"istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	telemetryv1 "istio.io/client-go/pkg/apis/telemetry/v1"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// The kinds that manifests are made of, whatever their version.
const (
	peerAuthenticationKind = "security.istio.io/PeerAuthentication"
	destinationRuleKind    = "networking.istio.io/DestinationRule"
	telemetryKind          = "telemetry.istio.io/Telemetry"
	prometheusRuleKind     = "monitoring.coreos.com/PrometheusRule"
)

// Kinds are the kinds of objects that manifests are made of, GROUP/KIND.
func Kinds() []string {
	return []string{peerAuthenticationKind, destinationRuleKind, telemetryKind, prometheusRuleKind}
}

// blank is an empty spec of a kind, of its project's own type; nil of another kind.
func blank(kind string) any {
	switch kind {
	case peerAuthenticationKind:
		return new(v1beta1.PeerAuthentication)
	case destinationRuleKind:
		return new(v1alpha3.DestinationRule)
	case telemetryKind:
		return new(telemetry.Telemetry)
	case prometheusRuleKind:
		return new(monitoringv1.PrometheusRuleSpec)
	}
	return nil
}

// specOf is the spec of an object that was made here.
func specOf(object any) any {
	switch o := object.(type) {
	case *securityv1.PeerAuthentication:
		return &o.Spec
	case *networkingv1.DestinationRule:
		return &o.Spec
	case *telemetryv1.Telemetry:
		return &o.Spec
	case *monitoringv1.PrometheusRule:
		return &o.Spec
	}
	return nil
}

// same reads a manifest's text strictly, by the type that it was made of, and refuses
// one that says anything else than the object.
func same(m *Manifest, object any) (*manifest.Object, error) {
	objects, err := manifest.Read(m.String(), m.Text)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 || objects[0].Namespace != m.Namespace || objects[0].Name != m.Name || objects[0].Kind != m.Kind {
		return nil, fmt.Errorf("%s: it reads as something else", m)
	}
	o := &objects[0]
	got, want := blank(o.GroupKind()), specOf(object)
	if got == nil || want == nil {
		return nil, fmt.Errorf("%s: no type is known for apiVersion %s", m, o.APIVersion)
	}
	if err := o.Spec(got); err != nil {
		return nil, err
	}
	equal := false
	if message, ok := want.(proto.Message); ok {
		equal = proto.Equal(message, got.(proto.Message))
	} else {
		equal = reflect.DeepEqual(want, got)
	}
	if !equal {
		return nil, fmt.Errorf("%s: what was printed is not what was meant:\n%s", m, m.Text)
	}
	return o, nil
}

// canonical is the spec of an object in one form, whoever wrote it: without defaults
// that are written down, durations in seconds. A spec that the type does not take, of
// a newer version of its project, stays as it stands, and raw says so.
func canonical(o *manifest.Object) (spec any, raw bool) {
	typed := blank(o.GroupKind())
	if typed == nil || o.Spec(typed) != nil {
		return asWritten(o), true
	}
	var text []byte
	var err error
	if message, ok := typed.(proto.Message); ok {
		text, err = protojson.Marshal(message)
	} else {
		if rules, ok := typed.(*monitoringv1.PrometheusRuleSpec); ok {
			tidy(rules)
		}
		text, err = json.Marshal(typed)
	}
	if err != nil || json.Unmarshal(text, &spec) != nil {
		return asWritten(o), true
	}
	return spec, false
}

// asWritten is a spec that no type judges.
func asWritten(o *manifest.Object) map[string]any {
	var spec map[string]any
	_ = o.Spec(&spec) // what stands around it may be unknown; the spec has been read all the same
	return spec
}

// tidy brings durations of rules to one form, and expressions and texts.
func tidy(rules *monitoringv1.PrometheusRuleSpec) {
	for i := range rules.Groups {
		g := &rules.Groups[i]
		g.Interval = duration(g.Interval)
		for j := range g.Rules {
			r := &g.Rules[j]
			r.For = duration(r.For)
			r.Expr.StrVal = strings.TrimSpace(r.Expr.StrVal)
		}
	}
}

func duration(d *monitoringv1.Duration) *monitoringv1.Duration {
	if d == nil {
		return nil
	}
	parsed, err := model.ParseDuration(string(*d))
	if err != nil {
		return d
	}
	text := monitoringv1.Duration(parsed.String())
	return &text
}
