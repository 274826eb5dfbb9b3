package meshconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// OptOut is the annotation of a service or namespace that fairway shall leave alone,
// where its value is "false".
const OptOut = "fairway-mesh.io/discover"

// Service is one that manifests are made for.
type Service struct {
	Name string
	// Headless services have no address of their own: who calls chooses the pod.
	Headless bool
}

// Services finds those of a namespace among objects, in the order of their names. An
// object that names no namespace is of this one, as kubectl -n has it. Notes say of
// each Service of the namespace that is left out why it is.
func Services(namespace string, objects []manifest.Object) (list []Service, notes []string) {
	seen := map[string]bool{}
	for i := range objects {
		o := &objects[i]
		if o.GroupKind() == "/Namespace" && o.Name == namespace && o.Annotations[OptOut] == "false" {
			return nil, []string{fmt.Sprintf("namespace %s is left out: its annotation %s is \"false\"", namespace, OptOut)}
		}
		if o.GroupKind() != "/Service" || !within(o, namespace) {
			continue
		}
		s, why := service(o)
		if why == "" && seen[o.Name] {
			why = "it stands twice; the first holds"
		}
		if why != "" {
			notes = append(notes, fmt.Sprintf("Service %s/%s is left out: %s", namespace, o.Name, why))
			continue
		}
		seen[o.Name] = true
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return list, notes
}

// Namespaces are those that Services among objects name, in order.
func Namespaces(objects []manifest.Object) (names []string) {
	for i := range objects {
		if o := &objects[i]; o.GroupKind() == "/Service" && o.Namespace != "" && !slices.Contains(names, o.Namespace) {
			names = append(names, o.Namespace)
		}
	}
	slices.Sort(names)
	return names
}

func within(o *manifest.Object, namespace string) bool {
	return o.Namespace == "" || o.Namespace == namespace
}

// service reads one; why says what keeps it out.
func service(o *manifest.Object) (s Service, why string) {
	var fields map[string]any
	if err := o.Spec(&fields); err != nil {
		return s, err.Error()
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return s, err.Error()
	}
	var spec corev1.ServiceSpec // not strictly: a newer Kubernetes may know more fields
	if err := json.Unmarshal(text, &spec); err != nil {
		return s, "its spec cannot be read: " + err.Error()
	}
	s = Service{Name: o.Name, Headless: spec.ClusterIP == corev1.ClusterIPNone}
	switch {
	case len(validation.IsDNS1123Label(o.Name)) > 0:
		return s, "its name is none that Kubernetes takes: " + strings.Join(validation.IsDNS1123Label(o.Name), "; ")
	case o.Annotations[OptOut] == "false":
		return s, fmt.Sprintf("its annotation %s is \"false\"", OptOut)
	case spec.Type == corev1.ServiceTypeExternalName:
		return s, "it is but a name (ExternalName) for " + spec.ExternalName + ", which is outside of the mesh"
	case len(spec.Ports) == 0:
		return s, "it has no ports"
	case !slices.ContainsFunc(spec.Ports, tcp):
		return s, "it has no TCP port, and Istio's proxies carry nothing else"
	case len(spec.Selector) == 0:
		return s, "it selects no pods, and who answers for it may have no proxy to speak mutual TLS"
	}
	return s, ""
}

func tcp(p corev1.ServicePort) bool { return p.Protocol == "" || p.Protocol == corev1.ProtocolTCP }
