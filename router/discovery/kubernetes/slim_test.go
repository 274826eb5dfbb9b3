package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestSlim: of an object only what is read is kept, and slimming twice changes nothing.
func TestSlim(t *testing.T) {
	full := metav1.ObjectMeta{
		Namespace: "shop", Name: "a", UID: "u", ResourceVersion: "7",
		Labels:          map[string]string{discoveryv1.LabelServiceName: "cart", "version": "v1", "pod-template-hash": "x"},
		Annotations:     map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", DiscoverAnnotation: "false"},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		OwnerReferences: []metav1.OwnerReference{{Name: "o"}},
	}
	kept := func(labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: "shop", Name: "a", UID: "u", ResourceVersion: "7", Labels: labels,
			Annotations: map[string]string{DiscoverAnnotation: "false"},
		}
	}
	node := "n"
	for _, c := range []struct{ object, want any }{
		{
			&metav1.PartialObjectMetadata{ObjectMeta: *full.DeepCopy()},
			&metav1.PartialObjectMetadata{ObjectMeta: kept(map[string]string{discoveryv1.LabelServiceName: "cart", "version": "v1"})},
		},
		{
			&corev1.Service{ObjectMeta: *full.DeepCopy(), Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", Selector: map[string]string{"a": "b"}}, Status: corev1.ServiceStatus{Conditions: []metav1.Condition{{}}}},
			&corev1.Service{ObjectMeta: kept(nil), Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1"}},
		},
		{
			&discoveryv1.EndpointSlice{ObjectMeta: *full.DeepCopy(), Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, NodeName: &node, Hints: &discoveryv1.EndpointHints{}}}},
			&discoveryv1.EndpointSlice{ObjectMeta: kept(map[string]string{discoveryv1.LabelServiceName: "cart"}), Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}},
		},
	} {
		for range 2 {
			got, err := slim(c.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%T: %s", c.object, diff)
			}
		}
	}
	if got, err := slim(3); got != 3 || err != nil {
		t.Errorf("something else: %v, %v", got, err)
	}
}
