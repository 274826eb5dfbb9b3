package kubernetes

import (
	"cmp"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// key names an object of one kind.
type key struct{ namespace, name string }

func (k key) String() string { return k.namespace + "/" + k.name }

// keyOf is the key of an object of kind T, none where it is something else.
func keyOf[T metav1.Object](object any) []key {
	o, ok := object.(T)
	if !ok {
		return nil
	}
	return []key{{o.GetNamespace(), o.GetName()}}
}

// serviceOf is the service that a slice belongs to.
func serviceOf(slice *discoveryv1.EndpointSlice) key {
	return key{slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]}
}

// podsOf are the pods that a slice's endpoints are, as NAMESPACE/POD.
func podsOf(slice *discoveryv1.EndpointSlice) (of []string) {
	for i := range slice.Endpoints {
		here := place{Endpoint: &slice.Endpoints[i]}
		if pod := here.pod(); pod != "" {
			of = append(of, key{cmp.Or(here.TargetRef.Namespace, slice.Namespace), pod}.String())
		}
	}
	return of
}
