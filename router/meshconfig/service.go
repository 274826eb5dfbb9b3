package meshconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// OptOut is the annotation by which fairway leaves a service, or all of a namespace,
// alone where it is "false"; a service's own counts before its namespace's.
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
	home := home(namespace, objects)
	for i := range objects {
		o := &objects[i]
		if o.GroupKind() != "/Service" || !within(o, namespace) {
			continue
		}
		s, why := service(o)
		if why == "" {
			why = optedOut(o, home)
		}
		if why == "" && seen[o.Name] {
			why = "it stands twice; the first holds"
		}
		if why != "" {
			notes = append(notes, printable(fmt.Sprintf("Service %s/%s is left out: %s", namespace, o.Name, why)))
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

// printable is a line for a terminal, whatever stood in the file that it tells of.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// home is the object of the namespace itself, nil where it is not among the objects.
func home(namespace string, objects []manifest.Object) *manifest.Object {
	for i := range objects {
		if o := &objects[i]; o.GroupKind() == "/Namespace" && o.Name == namespace {
			return o
		}
	}
	return nil
}

// optedOut says by whose annotation a service is left alone. What is neither true nor
// false says nothing.
func optedOut(o, home *manifest.Object) string {
	for _, at := range []*manifest.Object{o, home} {
		if at == nil {
			continue
		}
		switch wanted, err := strconv.ParseBool(at.Annotations[OptOut]); {
		case err != nil:
			continue
		case wanted:
			return ""
		case at == o:
			return fmt.Sprintf("its annotation %s is false", OptOut)
		}
		return fmt.Sprintf("the annotation %s of its namespace is false", OptOut)
	}
	return ""
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
